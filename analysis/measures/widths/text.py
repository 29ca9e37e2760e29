"""Configurations as text: ``[groups]`` names groups, ``[layers]`` gives total widths, which are solved for groups.

    # layerscope widths 1   model timm:rexnet_100   input 1x3x224x224   structure 9f31c2
    [groups]
    stem.conv            24       # was 32
    features.5.conv_pwl  64       # was 72

Bare lines without a heading are layers. Layers that are not named keep their width unless they are tied to one that is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from analysis.catalogue import nearest as nearest_word
from analysis.measures.widths.description import Producer, WidthGroups
from analysis.measures.widths.legal import Widths, check, share, spread
from analysis.problems import AnalysisError

FORMAT = 1
HEADER = f"layerscope widths {FORMAT}"
MOST_DIGITS = 9
"""Digits of a width; no layer has a milliard channels."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a configuration: place in the file from 1, name, width."""

    number: int
    name: str
    width: int

    def __str__(self) -> str:
        return f"line {self.number}: {self.name} {self.width}"


def print_widths(found: WidthGroups, widths: Widths, everything: bool = False) -> str:
    """Write a configuration in the form of groups.

    Parameters
    ----------
    found, widths
        The groups, and the widths of those that are changed.
    everything
        Also write the groups that keep their width.
    """
    parts = (HEADER, f"model {found.model or '-'}", f"input {_shape(found)}", f"structure {found.structure[:6]}")
    rows = [
        (group.name, widths.get(group.name, group.width), group.width)
        for group in found.groups
        if not group.locked and (everything or widths.get(group.name, group.width) != group.width)
    ]
    name_size = max((len(name) for name, _, _ in rows), default=0)
    lines = ["# " + "   ".join(parts), "[groups]"]
    for name, width, before in rows:
        lines.append(f"{name:<{name_size}}  {width}" + (f"   # was {before}" if width != before else ""))
    return "\n".join(lines) + "\n"


def parse_widths(found: WidthGroups, text: str) -> dict[str, int]:
    """Read a configuration; only groups that change are in the answer.

    Raises
    ------
    AnalysisError
        If it was written for another network or by a newer LayerScope; if a line is not understood, names nothing,
        contradicts another, or is not legal.
    """
    refuse_foreign(found, *_origin(text))
    groups, layers = _lines(text)
    widths: dict[str, int] = {}
    given: dict[str, Line] = {}
    for line in groups:
        place = found.index(line.name)
        if line.name in given and given[line.name].width != line.width:
            raise AnalysisError(f"Two lines disagree: {given[line.name]}; {line}.", "Keep one of them.", "widths")
        given[line.name] = line
        if line.width != found.groups[place].width:
            widths[line.name] = line.width
    for name, width in solve_layers(found, layers, given).items():
        if width != found.groups[found.index(name)].width:
            widths[name] = width
    check(found, widths)
    return widths


def refuse_foreign(found: WidthGroups, form: str, model: str, shape: str, structure: str) -> None:
    """Refuse a configuration that says it is one of another network.

    Parameters
    ----------
    found
        The groups of the network it is to be applied to.
    form, model, shape, structure
        What it says of itself, "" for what it does not say. The structure of a network depends on the size of its
        input, so of two sizes the names decide alone.

    Raises
    ------
    AnalysisError
        If its format is unknown, or its structure is another one.
    """
    if form and form != HEADER:
        raise AnalysisError(
            f"This configuration has the format '{form}', not '{HEADER}'.", "Open it with a newer LayerScope.", "widths"
        )
    other_size = shape and shape != _shape(found) and model == found.model
    if structure and not found.structure.startswith(structure) and not other_size:
        theirs, ours = model or "another network", found.model or "this one"
        text = f"This configuration was written for {theirs} (structure {structure}), not for {ours}"
        text = f"{text} ({found.structure[:6]})."
        raise AnalysisError(text, "Delete what it says of its origin, and its names alone decide.", "widths")


def _origin(text: str) -> tuple[str, str, str, str]:
    """Format, model, input and structure as a comment says them, "" for what is not said."""
    line = next((line for line in text.splitlines() if re.match(r"#\s*layerscope widths\b", line)), "")
    words = line.lstrip("# ").split()
    said = {key: value for key, value in pairwise(words) if key in ("model", "input", "structure")}
    model = said.get("model", "").removeprefix("-")
    return " ".join(words[:3]), model, said.get("input", ""), said.get("structure", "")


def _shape(found: WidthGroups) -> str:
    return "x".join(str(size) for size in (1, *found.input_shape))


def _lines(text: str) -> tuple[list[Line], list[Line]]:
    found: dict[str, list[Line]] = {"groups": [], "layers": []}
    section = "layers"
    for number, raw in enumerate(text.splitlines(), start=1):
        content = raw.split("#", 1)[0].strip() if not re.search(r"\S#\d", raw) else _without_comment(raw)
        if not content:
            continue
        heading = re.fullmatch(r"\[(\w+)\]", content)
        if heading:
            section = heading.group(1)
            if section not in found:
                raise AnalysisError(f"Line {number}: there is no section [{section}].", "Use [groups] or [layers].")
            continue
        words = content.replace("=", " ").split()
        if len(words) != 2 or not re.fullmatch(rf"[0-9]{{1,{MOST_DIGITS}}}", words[1]):
            raise AnalysisError(f"Line {number} is not understood: '{content}'.", "Write a name and a width.", "widths")
        found[section].append(Line(number, words[0], int(words[1])))
    return found["groups"], found["layers"]


def _without_comment(raw: str) -> str:
    """Cut a comment off, but not the number of a call (``loop#2``)."""
    return re.split(r"(?:^|\s)#", raw, maxsplit=1)[0].strip()


def solve_layers(
    found: WidthGroups, layers: list[Line] | Mapping[str, int], given: Mapping[str, Line] | None = None
) -> dict[str, int]:
    """Find the widths of groups from total output widths of layers, in call order.

    Parameters
    ----------
    found
        The groups.
    layers
        Lines of a text, or layer name to width.
    given
        Lines that fix groups by name.

    Returns
    -------
    dict[str, int]
        Group name to width, for every group that a line determines.

    Raises
    ------
    AnalysisError
        If a width is negative, off-step, fixed, or two lines disagree.
    """
    if isinstance(layers, Mapping):
        layers = [Line(place, name, width) for place, (name, width) in enumerate(layers.items(), start=1)]
    lines = _by_layer(found, layers)
    known: dict[int, tuple[int, Line]] = {found.index(name): (line.width, line) for name, line in (given or {}).items()}
    for producer in found.producers:
        line = lines.get(producer.layer)
        if line is not None:
            _solve(found, producer, line, known)
    return {found.groups[place].name: width for place, (width, _) in known.items()}


def _by_layer(found: WidthGroups, layers: list[Line]) -> dict[str, Line]:
    names = [producer.layer for producer in found.producers]
    lines: dict[str, Line] = {}
    for line in layers:
        if line.name not in names:
            raise AnalysisError(f"No layer is called '{line.name}' ({line}).", nearest_word(line.name, names), "widths")
        if line.name in lines and lines[line.name].width != line.width:
            raise AnalysisError(f"Two lines disagree: {lines[line.name]}; {line}.", "Keep one of them.", "widths")
        lines[line.name] = line
    return lines


def _solve(found: WidthGroups, producer: Producer, line: Line, known: dict[int, tuple[int, Line]]) -> None:
    """Let what is still open at a layer take the difference."""
    free = [place for place in producer.groups if not found.groups[place].locked]
    fixed = producer.width - sum(share(found, producer, place, found.groups[place].width) for place in free)
    rest = line.width - fixed - sum(share(found, producer, place, known[place][0]) for place in free if place in known)
    open_groups = [place for place in free if place not in known]
    first = [place for place in open_groups if _first_layer(found, place) == producer.layer]
    takers = first or open_groups
    for place in set(open_groups) - set(takers):
        rest -= share(found, producer, place, found.groups[place].width)
    if not takers:
        if rest:
            raise _disagreement(found, producer, line, known, free)
        return
    least = sum(share(found, producer, place, found.groups[place].minimum) for place in takers)
    if rest < least:
        others = [known[place][1] for place in free if place in known]
        raise _too_narrow(found, producer, line, others, (takers[0], rest, least))
    for place, width in zip(takers, _shares(found, producer, takers, rest), strict=True):
        group = found.groups[place]
        if spread(found, place, width) is None:
            text = f"{line}: the width of {group.name} would be {width}, which is no multiple of {group.step}."
            raise AnalysisError(text, _why(found, place), "widths")
        known[place] = (width, line)


def _too_narrow(
    found: WidthGroups, producer: Producer, line: Line, others: list[Line], short: tuple[int, int, int]
) -> AnalysisError:
    """Say what is left for a group and what it needs, and which narrower layer its layer contains."""
    taker, rest, least = short
    text = f"{line} leaves {rest} channels for {found.groups[taker].name}"
    text += f" beside {'; '.join(map(str, others))}" if others else ""
    inside = [other for other in found.producers if other.groups and set(other.groups) < set(producer.groups)]
    inner = max(inside, key=lambda other: len(other.groups), default=None)
    text += f": this layer contains the channels of {inner.layer}" if inner is not None else ""
    return AnalysisError(f"{text}.", f"Make it at least {line.width - rest + least} wide.", "widths")


def _shares(found: WidthGroups, producer: Producer, takers: list[int], rest: int) -> list[int]:
    """Share channels of a layer among groups in proportion; the last takes what is left."""
    sizes = [share(found, producer, place, found.groups[place].width) for place in takers]
    parts, left, total = [], rest, sum(sizes)
    for place, size in zip(takers, sizes, strict=True):
        step = found.groups[place].step
        part = left if place == takers[-1] else int(np.floor(rest * size / total / step + 0.5)) * step
        left -= part
        parts.append(part * found.groups[place].width // size)
    return parts


def _first_layer(found: WidthGroups, place: int) -> str:
    return next(producer.layer for producer in found.producers if place in producer.groups)


def _disagreement(
    found: WidthGroups, producer: Producer, line: Line, known: Mapping[int, tuple[int, Line]], free: list[int]
) -> AnalysisError:
    if not free:
        locked = next((found.groups[place] for place in producer.groups), None)
        reason = locked.reason if locked else "it is not understood"
        return AnalysisError(f"{line}: this width is fixed at {producer.width}: {reason}.", "Leave it out.", "locked")
    others = "; ".join(dict.fromkeys(str(known[place][1]) for place in free))
    return AnalysisError(f"Two lines disagree: {others}; {line}.", _why(found, free[0]), "widths")


def _why(found: WidthGroups, place: int) -> str:
    group = found.groups[place]
    reasons = "; ".join(group.why[:3])
    return f"The channels of {group.name} are tied by {reasons}." if reasons else f"{group.name} is one group."
