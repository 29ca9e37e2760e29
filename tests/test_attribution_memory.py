from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.engine import describe
from tests import tiny
from tests.test_attribution import Modules, Scarce, explained


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
