"""Structure as a method: what the recording says, row by row, and the totals."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from analysis import measure
from analysis.graph import record


class Last(nn.Module):
    """Keeps its channels on the last axis after the stem."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 1)
        self.wide = nn.Linear(6, 10)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.wide(self.stem(x).permute(0, 2, 3, 1)))


def test_rows_and_totals_are_those_of_the_recording() -> None:
    shared = nn.Conv2d(4, 4, 3, padding=1, bias=False)
    net = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), shared, nn.ReLU(), shared).eval()
    result = measure("structure", net, torch.zeros(1, 3, 6, 6))
    rows = {name: i for i, name in enumerate(result.names("layer"))}
    first, again = rows["1#1"], rows["1#2"]
    assert result["parameters"][[first, again]].tolist() == [144, 0]
    assert result["parameters_used"][[first, again]].tolist() == [144, 144]
    assert result["macs"][first] == 144 * 36
    assert result["activation_bytes"][first] == 4 * 36 * 4
    assert result["width"][rows["0"]] == 4
    totals = record(net, (3, 6, 6)).totals
    assert int(result.value("total_parameters")) == 12 + 144 == totals.parameters
    assert int(result.value("total_parameters_used")) == 12 + 288
    assert int(result.value("total_macs")) == (12 + 288) * 36
    assert int(result.value("total_buffers")) == 0
    assert result.value("total_activation_bytes") == totals.activation_bytes
    assert result.facts["input"] == "3 x 6 x 6"
    assert "1 MAC = 2 FLOPs" in result.facts["multiply-adds"]


def test_layers_can_be_chosen() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    assert measure("structure", net, torch.zeros(1, 3, 4, 4), layers="0").names("layer") == ("0",)


def test_width_is_that_of_the_channel_axis() -> None:
    result = measure("structure", Last().eval(), torch.zeros(1, 3, 4, 5))
    widths = dict(zip(result.names("layer"), result["width"].tolist(), strict=True))
    assert (widths["stem"], widths["wide"]) == (6, 10)
