"""The released ReXNet as this project measures it, and the linear rule against the search of Han et al. 2021."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from analysis.measures.widths import fitting, straight
from analysis.models import load
from analysis.request import Compute, ModelSource
from analysis.surgery.dissecting import dissect


def test_rexnet_at_its_first_size_is_the_published_network() -> None:
    model = load(ModelSource("timm:rexnet_100", ("random",)), Compute(threads=1))
    rows = {row.name: row for row in model.recording.layers}
    blocks = [rows[f"features.{place}.conv_pwl.conv"] for place in range(16)]
    assert tuple(row.channels for row in blocks) == straight.REXNET
    modules = dict(model.net.named_modules())
    squeezed = {place + 1 for place in range(16) if getattr(modules[f"features.{place}"], "se", None) is not None}
    assert squeezed == set(range(4, 17))
    added = {place + 1 for place in range(16) if modules[f"features.{place}"].use_shortcut}
    assert added == {3, 5, *range(7, 12), *range(13, 17)}
    shapes: list[torch.Size] = []
    hook = modules["features.15"].register_forward_hook(lambda _m, _i, output: shapes.append(output.shape))
    with torch.no_grad():
        model.net(torch.zeros(1, 3, 224, 224))
    hook.remove()
    assert [tuple(shape) for shape in shapes] == [(1, 185, 7, 7)]
    assert rows["features.16.conv"].channels == 1280
    totals = model.recording.totals
    assert round(totals.parameters / 1e6, 1) == 4.8
    assert round(totals.macs / 1e9, 2) == 0.40


@pytest.mark.parametrize(
    ("slope", "start", "published"),
    [
        (14.5, 15.5, (30, 45, 59, 74, 88, 103, 117, 132, 146)),
        (8.75, 15.25, (24, 33, 42, 50, 59, 68, 77, 85, 94)),
    ],
)
def test_the_linear_rule_rounds_to_the_best_models_of_the_search(
    slope: float, start: float, published: tuple[int, ...]
) -> None:
    """Widths of nine blocks by c = a i + b, made legal as presets do: halves go up."""
    layers = [nn.Conv2d(3 if not place else 16, 16, 1) for place in range(9)]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2))
    found = dissect(net, (3, 4, 4)).groups
    names = [group.name for group in found.free]
    widths = [fitting.legal(found, name, slope * place + start) for place, name in enumerate(names, 1)]
    assert tuple(widths) == published
    fit = straight.line_fit(published)
    assert fit.slope == pytest.approx(slope, abs=0.05)
    assert fit.intercept == pytest.approx(start, abs=0.5)
    assert fit.r2 > 0.999
    assert fit.deviation <= 0.6
    assert np.all(np.diff(published) > 0)
