"""Which geometries a network may take on: options of a layer, families of them, and the valid combinations.

An *option* says how an existing kernel is applied: with another stride, a fractional stride, another dilation or a
resampled kernel. A *configuration* picks one option at every switch point; number 0 is the network as it is. Families,
tokens and the stride table of ResNet-50 follow the public code of M. Inkawhich (2020), written before "The Untapped
Potential of Off-the-Shelf Convolutional Neural Networks" (Inkawhich et al. 2021); the rule for other networks is ours.
Free of torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from analysis.measures.options import FAMILIES, STRIDES, Option, Pair, SwitchPoint, options_of
from analysis.measures.stride_bounds import map_sizes, stride_bounds, why_invalid
from analysis.problems import AnalysisError

__all__ = [
    "FAMILIES",
    "STRIDES",
    "Geometry",
    "Option",
    "Pair",
    "Space",
    "SwitchPoint",
    "canonical_name",
    "combinations",
    "draw_space",
    "enumerate_space",
    "map_sizes",
    "options_of",
    "read_extra",
    "read_points",
    "stride_bounds",
    "why_invalid",
    "with_extra",
    "write_extra",
]

MOST = 20_000  # more combinations than anyone will wait for
TRIES = 100  # draws for each configuration that is wanted


@dataclass(frozen=True, slots=True)
class Space:
    """Switch points, their options, and all valid configurations.

    Attributes
    ----------
    points
        From the input to the output.
    options
        For each point; the first is the one that the network has.
    configurations
        Option numbers, one for each point; sorted, so that the first is (0, 0, …).
    dropped
        (name of a configuration, why it was left out) pairs.
    """

    points: tuple[SwitchPoint, ...]
    options: tuple[tuple[Option, ...], ...]
    configurations: tuple[tuple[int, ...], ...]
    dropped: tuple[tuple[str, str], ...] = ()

    def name(self, configuration: Sequence[int]) -> str:
        """Canonical name of a configuration: ``dil:1|1|2|3``; where families are mixed ``mixed:dil1|strideK1``."""
        return canonical_name(self.options, configuration)

    @property
    def names(self) -> tuple[str, ...]:
        """Canonical names of all configurations, in order."""
        return tuple(self.name(configuration) for configuration in self.configurations)

    @property
    def resizes(self) -> bool:
        """True if some option changes the size of a map."""
        return any(option.family == "stride" for options in self.options for option in options[1:])


def canonical_name(options: Sequence[Sequence[Option]], configuration: Sequence[int]) -> str:
    """Name a configuration after the options that it picks."""
    families = {several[0].family for several in options}
    chosen = [several[index] for several, index in zip(options, configuration, strict=True)]
    if len(families) == 1:
        return f"{families.pop()}:" + "|".join(option.token for option in chosen)
    return "mixed:" + "|".join(option.word for option in chosen)


def read_points(text: str) -> dict[str, tuple[str, ...]]:
    """Read switch points with options of their own: ``layer3.0.conv1:dil1,2,3;layer4.0.conv1:strideD2,K1``.

    A point without options is given those of the family. Returns name to option words.

    Raises
    ------
    AnalysisError
        If a point comes twice.
    """
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, options = part.rpartition(":") if re.search(r":(dil|ker|stride)", part) else (part, "", "")
        prefix = re.match(r"dil|ker|stride", options)
        words = [word.strip() for word in options.split(",") if word.strip()]
        kind = prefix[0] if prefix else ""
        named = tuple(word if re.match(r"dil|ker|stride", word) else kind + word for word in words)
        if name in found:
            raise AnalysisError(f"The switch point {name} is named twice.", "Name each point once.", "geometry")
        found[name] = named
    return found


def enumerate_space(
    points: Sequence[SwitchPoint], options: Sequence[Sequence[Option]], input_map: Pair, last_map: Pair
) -> Space:
    """List all valid configurations in lexicographic order.

    Parameters
    ----------
    points, options
        Switch points from input to output, and the options of each.
    input_map, last_map
        (height, width) of the pictures, and of the last map of the network as it is.

    Raises
    ------
    AnalysisError
        If there are more combinations than can be listed.
    """
    count = combinations(options)
    if count > MOST:
        hint = "Draw some of them with --set subset=100, or use fewer switch points or a smaller family."
        raise AnalysisError(f"These options make {count:,} configurations.", hint, "geometry")
    bounds = stride_bounds(points, input_map)
    kept, dropped = [], []
    for configuration in product(*(range(len(several)) for several in options)):
        chosen = [several[index] for several, index in zip(options, configuration, strict=True)]
        reason = "" if not any(configuration) else why_invalid(points, chosen, input_map, last_map, bounds)
        if reason:
            dropped.append((canonical_name(options, configuration), reason))
        else:
            kept.append(configuration)
    return Space(tuple(points), tuple(tuple(several) for several in options), tuple(kept), tuple(dropped))


def combinations(options: Sequence[Sequence[Option]]) -> int:
    """Count the combinations of options, valid or not."""
    return prod(len(several) for several in options)


def draw_space(
    points: Sequence[SwitchPoint],
    options: Sequence[Sequence[Option]],
    input_map: Pair,
    last_map: Pair,
    wanted: int,
    seed: int,
) -> Space:
    """Draw valid configurations without replacement and without listing all; the network's own is always among them.

    Parameters
    ----------
    points, options, input_map, last_map
        See :func:`enumerate_space`.
    wanted
        How many to draw, the network's own included; there are fewer if hardly any combination is valid.
    seed
        Same seed, same configurations.

    Raises
    ------
    AnalysisError
        If more are wanted than anyone will wait for.
    """
    if wanted > MOST:
        raise AnalysisError(f"{wanted:,} configurations are too many.", f"Draw up to {MOST:,}.", "geometry")
    random, bounds = np.random.RandomState([seed, len(points)]), stride_bounds(points, input_map)
    kept, dropped = {(0,) * len(points)}, dict[str, str]()
    for _ in range(TRIES * wanted):
        if len(kept) >= wanted:
            break
        configuration = tuple(int(random.randint(len(several))) for several in options)
        chosen = [several[index] for several, index in zip(options, configuration, strict=True)]
        reason = why_invalid(points, chosen, input_map, last_map, bounds) if any(configuration) else ""
        if reason:
            dropped[canonical_name(options, configuration)] = reason
        else:
            kept.add(configuration)
    return Space(
        tuple(points), tuple(tuple(several) for several in options), tuple(sorted(kept)), tuple(dropped.items())
    )


Geometry = tuple[tuple[str, str], ...]
"""(layer, option) pairs, as in edits; layers that are not named stay as they are."""


def read_extra(text: str) -> tuple[Geometry, ...]:
    """Read configurations that were put together by hand, see :func:`write_extra`.

    Raises
    ------
    AnalysisError
        If a part is not a layer with an option, or names a layer twice.

    Examples
    --------
    >>> read_extra("a.conv:dil2+b.conv:strideK1; b.conv:ker5")
    ((('a.conv', 'dil2'), ('b.conv', 'strideK1')), (('b.conv', 'ker5'),))
    """
    found = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        pairs = []
        for word in part.split("+"):
            name, colon, option = word.strip().rpartition(":")
            if not colon or not name:
                raise AnalysisError(
                    f"'{word}' names no layer with an option.", "Write layer3.0.conv1:dil2.", "geometry"
                )
            pairs.append((name, Option.read(option).word))
        if len({name for name, _ in pairs}) < len(pairs):
            text = f"'{part}' names a layer twice."
            raise AnalysisError(text, "Choose one option for each layer.", "geometry")
        found.append(tuple(pairs))
    return tuple(found)


def write_extra(several: Sequence[Geometry]) -> str:
    """Write configurations as text: ``layer2.0.conv1:dil2+layer3.0.conv1:strideK1;layer3.1.conv2:ker5``."""
    return ";".join("+".join(f"{name}:{word}" for name, word in geometry) for geometry in several)


def with_extra(
    space: Space, extra: Sequence[Geometry], described: Mapping[str, SwitchPoint], order: Mapping[str, int]
) -> Space:
    """Add configurations that were put together by hand, with the layers that they change as further switch points.

    Bounds on the total reduction do not hold for them.

    Parameters
    ----------
    space
        What a family gives; it may have no points.
    extra
        See :func:`read_extra`.
    described, order
        Each layer as a switch point of its family; numbers that rise from layer to layer.

    Raises
    ------
    AnalysisError
        If a layer takes options of several families.
    """
    words: dict[str, list[str]] = {
        point.name: [option.word for option in several]
        for point, several in zip(space.points, space.options, strict=True)
    }
    points = {point.name: point for point in space.points}
    for geometry in extra:
        for name, word in geometry:
            points.setdefault(name, described[name])
            words.setdefault(name, []).append(word)
    names = sorted(points, key=lambda name: order[name])
    options = tuple(options_of(points[name], words[name]) for name in names)
    base = {point.name: place for place, point in enumerate(space.points)}
    swept = [tuple(one[base[name]] if name in base else 0 for name in names) for one in space.configurations]
    for geometry in extra:
        chosen = {name: Option.read(word) for name, word in geometry}
        swept.append(
            tuple(several.index(chosen.get(name, several[0])) for name, several in zip(names, options, strict=True))
        )
    return Space(tuple(points[name] for name in names), options, tuple(sorted(set(swept))), space.dropped)
