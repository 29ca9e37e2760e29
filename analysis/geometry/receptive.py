"""Nominal receptive field of a configuration: how far a unit of the last convolution sees."""

from __future__ import annotations

from analysis.geometry.blueprint import draw
from analysis.geometry.reshape import Chosen
from analysis.geometry.switches import Switches
from analysis.measures import geometry
from analysis.measures.blueprints import Blueprint
from analysis.measures.configurations import Option
from analysis.tracing.trace import Trace


def receptive_field(
    seen: Trace, switches: Switches, chosen: Chosen, blueprint: Blueprint | None = None
) -> tuple[float, float]:
    """Field of the last spatial layer, (rows, columns) in pixels; the largest of all ways from the input.

    Parameters
    ----------
    chosen
        Option of each switch point, None for the network's own.
    blueprint
        That of the recording, where it is drawn already.
    """
    return geometry.receptive_field(blueprint or draw(seen), geometry_of(switches, chosen))


def geometry_of(switches: Switches, chosen: Chosen) -> dict[str, str]:
    """Write a configuration as layer to option, without the points that stay as they are."""
    pairs: list[tuple[str, Option]] = [
        (point.name, option) for point, option in zip(switches.points, chosen, strict=True) if option is not None
    ]
    return {name: option.word for name, option in pairs}
