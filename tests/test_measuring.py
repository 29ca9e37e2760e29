"""The state torch is put into while a method computes."""

from __future__ import annotations

import pytest
import torch

from analysis.measuring import measuring


def flags() -> tuple[bool, ...]:
    return (
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
        torch.is_autocast_enabled("cpu"),
        torch.is_autocast_enabled("cuda"),
        torch.is_grad_enabled(),
    )


def never() -> bool:
    return False


def test_values_are_full_and_repeatable_and_all_is_put_back() -> None:
    torch.manual_seed(0)
    left, right = torch.randn(8, 8), torch.randn(8, 8)
    plain = left @ right
    with torch.autocast("cpu", dtype=torch.bfloat16):
        before = flags()
        assert (left @ right).dtype == torch.bfloat16
        with measuring(never, torch.get_num_threads()):
            assert flags() == (True, False, False, False, False, False)
            assert torch.equal(left @ right, plain)
        assert flags() == before
        with pytest.raises(RuntimeError, match="stop"), measuring(never, torch.get_num_threads()):
            raise RuntimeError("stop")
        assert flags() == before
