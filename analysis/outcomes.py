"""What is read off the class scores of one pass: answers, probabilities, and how they compare with the labels."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from analysis.outputs import class_scores
from analysis.problems import AnalysisError

Array = NDArray[Any]
TOP = 5


def scores_of(output: Any, expected: int) -> Tensor:
    """Class scores of a pass, axes (picture, class).

    Raises
    ------
    AnalysisError
        If there is not one score per picture and class.
    """
    scores = class_scores(output)
    if len(scores) != expected:
        text = f"The network gives {len(scores)} answers for {expected} pictures."
        raise AnalysisError(text, "Only networks that answer each picture by itself can be measured here.", "output")
    return scores


def records(logits: Tensor, labels: Tensor | None) -> dict[str, Array]:
    """Read what is kept of one batch under one configuration, see `dynamic_configurations`; axes (picture, …).

    Outputs that are not finite count as wrong: prediction -1, loss infinite.
    """
    exact = logits.detach().to("cpu" if logits.device.type == "mps" else logits.device).double()
    bad = ~torch.isfinite(exact).all(dim=1)
    exact = torch.where(bad[:, None], torch.zeros_like(exact), exact)
    shares = torch.softmax(exact, dim=1)
    largest = min(TOP, exact.shape[1])
    # Equal outputs in the order of the classes.
    order = torch.sort(exact, dim=1, descending=True, stable=True).indices[:, :largest]
    top = shares.gather(1, order)
    logs = functional.log_softmax(exact, dim=1)
    found: dict[str, Tensor] = {
        "prediction": torch.where(bad, -1, order[:, 0]),
        "confidence": torch.where(bad, torch.nan, top[:, 0]),
        "margin": torch.where(bad, torch.nan, top[:, 0] - top[:, 1] if largest > 1 else top[:, 0]),
        "entropy": torch.where(bad, torch.nan, -(shares * logs).sum(dim=1)),
        "top5": torch.where(bad[:, None], -1, order),
        "top5_probability": torch.where(bad[:, None], torch.nan, top),
        "shares": torch.where(bad[:, None], 0.0, shares),
    }
    if labels is not None:
        own = labels.to(exact.device)[:, None]
        z = exact.gather(1, own)
        before = torch.arange(exact.shape[1], device=exact.device)[None] < own
        rank = 1 + (exact > z).sum(dim=1) + ((exact == z) & before).sum(dim=1)
        found |= {
            "correct": (found["prediction"] == own[:, 0]).to(torch.uint8),
            "true_probability": torch.where(bad, torch.nan, shares.gather(1, own)[:, 0]),
            "true_rank": torch.where(bad, exact.shape[1], rank),
            "loss": torch.where(bad, torch.inf, -logs.gather(1, own)[:, 0]),
        }
    return {name: tensor.cpu().numpy() for name, tensor in found.items()}
