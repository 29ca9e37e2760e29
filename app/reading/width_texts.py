"""A configuration in other forms: JSON, a LaTeX table, rows of a comparison; and back from text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.measures.widths.description import WidthGroups
from analysis.measures.widths.legal import Widths, check
from analysis.measures.widths.text import HEADER, MOST_DIGITS, parse_widths, refuse_foreign
from analysis.problems import AnalysisError
from app.reading import numbers
from app.reading.width_reading import WidthReading


@dataclass(frozen=True, slots=True)
class Row:
    """One group before and after.

    Attributes
    ----------
    group, before, after
        Its name and widths.
    layers
        Further layers that its channels are in.
    """

    group: str
    before: int
    after: int
    layers: int


def rows(found: WidthGroups, widths: Widths, theirs: Mapping[str, float] | None = None) -> tuple[Row, ...]:
    """Compare a configuration with the original, groups that change only.

    Parameters
    ----------
    theirs
        Widths of a second network by group: groups that are as wide here are left out only if they are as wide there.
    """
    rows = []
    for group in found.groups:
        after = widths.get(group.name, group.width)
        if after != group.width or (theirs or {}).get(group.name, after) != after:
            layers = len({member.layer for member in group.members}) - 1
            rows.append(Row(group.name, group.width, after, layers))
    return tuple(rows)


def as_json(reading: WidthReading, widths: Widths) -> str:
    """Write a configuration as JSON: widths of all groups, of all layers, and what it costs."""
    found, costs = reading.found, reading.costs(widths)
    layers = dict(zip(reading.names, (int(width) for width in reading.totals(widths)), strict=True))
    plain = {
        "format": HEADER,
        "model": found.model,
        "input": list(found.input_shape),
        "structure": found.structure,
        "widths": {group.name: widths.get(group.name, group.width) for group in found.free},
        "layers": layers,
        "parameters": costs.totals.parameters,
        "macs": costs.totals.macs,
    }
    return json.dumps(plain, indent=1) + "\n"


def as_latex(reading: WidthReading, widths: Widths) -> str:
    """Write the groups that change, and what it costs, as a LaTeX table (package booktabs)."""
    before, after = reading.costs({}).totals, reading.costs(widths).totals
    lines = [r"\begin{tabular}{lrrr}", r"\toprule", r"group & original & edited & ratio \\", r"\midrule"]
    for row in rows(reading.found, widths):
        ratio = _ratio(row.after, row.before)
        lines.append(rf"\texttt{{{_escaped(row.group)}}} & {row.before} & {row.after} & {ratio} \\")
    lines.append(r"\midrule")
    for name, one, other in (
        ("parameters", before.parameters, after.parameters),
        ("multiply-adds", before.macs, after.macs),
    ):
        old, new = (numbers.short(value).replace("\u00a0", "~") for value in (one, other))
        lines.append(rf"{name} & {old} & {new} & {_ratio(other, one)} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _ratio(after: float, before: float) -> str:
    return f"{after / max(before, 1):.3f}"


def _escaped(text: str) -> str:
    return re.sub(r"([_#%&$])", r"\\\1", text)


def read_widths(found: WidthGroups, text: str) -> dict[str, int]:
    """Read a configuration from text or JSON.

    Raises
    ------
    AnalysisError
        If it is not understood or not legal; the sentence names the line.
    """
    if text.lstrip().startswith("{"):
        return _from_json(found, text)
    try:
        return parse_widths(found, text)
    except AnalysisError as error:
        message = str(error)
        number = None if re.match(r"(?i)line \d|two lines", message) else _line_of(text, message)
        if number is None:
            raise
        raise AnalysisError(f"Line {number}: {message}", error.hint, error.code, error.items) from None


def _line_of(text: str, message: str) -> int | None:
    """Return the number of the first line whose name a message mentions."""
    words = {word.strip("'.,:") for word in message.split()}
    for number, line in enumerate(text.splitlines(), start=1):
        name = line.replace("=", " ").split()[:1]
        if name and name[0] in words:
            return number
    return None


def _from_json(found: WidthGroups, text: str) -> dict[str, int]:
    try:
        plain = json.loads(text)
        given = plain.get("widths", plain)
        wanted = {str(name): int(width) for name, width in given.items()}
        shape = "x".join(str(int(size)) for size in (1, *plain["input"])) if "input" in plain else ""
        form, model, structure = (str(plain.get(name, "")) for name in ("format", "model", "structure"))
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise AnalysisError("This is no JSON configuration.", 'Write {"widths": {"conv1": 24}}.', "widths") from None
    refuse_foreign(found, form, model, shape, structure)
    if any(not 0 <= width < 10**MOST_DIGITS for width in wanted.values()):
        raise AnalysisError("A width is negative or far too large.", 'Write {"widths": {"conv1": 24}}.', "widths")
    widths = {name: width for name, width in wanted.items() if width != found.groups[found.index(name)].width}
    check(found, widths)
    return widths
