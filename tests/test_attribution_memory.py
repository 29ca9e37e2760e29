"""Rows that shrink where memory runs out, in the first pass and after it, and how it is told."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.engine import describe
from analysis.explaining.batching import Rows, fitting, out_of_memory
from analysis.problems import AnalysisError
from tests import tiny
from tests.attribution_nets import Modules, Scarce, explained, pictures

__all__ = ["pictures"]


@pytest.mark.parametrize("names", ["occlusion", "saliency", "grad_cam", "saliency,integrated_gradients,grad_cam"])
def test_the_first_pass_is_halved_too(names: str) -> None:
    pictures = torch.randn(6, 3, 12, 12, generator=torch.Generator().manual_seed(3))
    scarce = explained(tiny.fill(Scarce()), pictures, names, steps=8, samples="0, 1, 2, 3, 4, 5")
    plenty = explained(tiny.fill(Modules()), pictures, names, steps=8, samples="0, 1, 2, 3, 4, 5")
    for name in ("attribution", "prediction", "target_score"):
        np.testing.assert_allclose(scarce[name], plenty[name], rtol=1e-4, atol=1e-6)


def test_what_helps_suits_a_window_and_a_terminal() -> None:
    for error in (torch.OutOfMemoryError("CUDA out of memory."), MemoryError()):
        hint = describe(error).hint
        assert "--" not in hint
        assert "smaller batch" in hint


def test_rows_are_halved_until_they_fit_and_the_answer_is_the_same(pictures: Tensor) -> None:
    names = "integrated_gradients,layer_conductance,occlusion"
    scarce = explained(tiny.fill(Scarce()), pictures, names, layer="conv2", steps=20, batch=16)
    plenty = explained(tiny.fill(Modules()), pictures, names, layer="conv2", steps=20, batch=16)
    for name in ("attribution", "convergence_delta"):
        np.testing.assert_allclose(scarce[name], plenty[name], rtol=1e-4, atol=1e-6)


class Starved(Modules):
    """Has memory for no gradient at all."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().forward(x)


def test_one_row_that_does_not_fit_is_one_sentence(pictures: Tensor) -> None:
    with pytest.raises(AnalysisError, match=r"^The GPU is out of memory\.$"):
        explained(tiny.fill(Starved()), pictures, "integrated_gradients")


def test_rows_shrink_by_halves_and_only_for_want_of_memory() -> None:
    rows = Rows(10)
    for size in (5, 2, 1):
        rows.shrink(MemoryError())
        assert rows.size == size
    with pytest.raises(MemoryError):
        rows.shrink(MemoryError())
    with pytest.raises(RuntimeError, match="broken"):
        Rows(8).shrink(RuntimeError("broken"))
    assert out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"))


def test_rows_follow_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.explaining.batching.free_memory", lambda _device: 3_000_000)
    cpu = torch.device("cpu")
    assert fitting(100_000, cpu) == 4
    assert fitting(1e9, cpu) == 1
    assert fitting(10, cpu, wanted=5) == 5
    monkeypatch.setattr("analysis.explaining.batching.free_memory", lambda _device: 0)
    assert fitting(1e9, cpu) == 16
