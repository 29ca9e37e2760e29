"""The channel configuration of a network as a figure: width of every layer before and after, and their ratio."""

from __future__ import annotations

import numpy as np

from analysis.catalogue import Param
from analysis.figures.profile import Options, fingerprints, note
from analysis.figures.second import counterparts, found_something, known_layers, name_of, split, with_second
from analysis.figures.sheet import Bars, Floats, Guide, Line, Mark, Panel, Sheet, ThinLine
from analysis.measures.widths.costs import CostModel
from analysis.measures.widths.description import from_bytes
from analysis.measures.widths.legal import counts
from analysis.measures.widths.text import parse_widths
from analysis.problems import AnalysisError
from analysis.result import Result

WIDTHS = Param("widths", "", "A configuration as text, see the Widths view; empty for the network as it is")


def widths(results: list[Result], options: Options) -> Sheet:
    """Draw output channels of every layer with weights, and their ratio to the original where a text changes them."""
    ours, theirs = split(results, options)
    result = next((run for run in ours if "description" in run), None)
    if result is None:
        raise AnalysisError("None of the runs of the first network knows its width groups.", "Add one of width_groups.")
    found = from_bytes(np.asarray(result["description"], dtype=np.uint8))
    text = str(options["widths"])
    changed = parse_widths(found, text) if text.strip() else {}
    model = CostModel(found)
    lengths = model.lengths(counts(found, changed))
    before = np.array([producer.width for producer in found.producers], dtype=np.float64)
    after = np.array([lengths[p.length] if p.length >= 0 else p.width for p in found.producers], dtype=np.float64)
    x = np.arange(len(before), dtype=np.float64)
    names = tuple(producer.layer for producer in found.producers)
    marks: list[Mark] = [Line(x, before, "original", "neutral")]
    panels = []
    if changed:
        marks.append(Line(x, after, "edited", "widths"))
        ratios: tuple[Mark, ...] = (Bars(x, after / before, "", hue="widths"), Guide("y", 1.0, ""))
        panels.append(Panel(ratios, x_title="layer, in order of execution", y_title="ratio", x_names=names, height=0.5))
    if theirs:
        marks.insert(0, ThinLine(x, _second_widths(ours, theirs, names), name_of(theirs[0])))
    first = Panel(
        tuple(marks), x_title="layer, in order of execution", y_title="Width (channels)",
        x_names=names,
    )  # fmt: skip
    old, new = model.costs({}).totals, model.costs(changed).totals
    words = f"{new.parameters / 1e6:.4g} M parameters, {new.macs / 1e6:.4g} M multiply-adds"
    if changed:
        words += f" (was {old.parameters / 1e6:.4g} M, {old.macs / 1e6:.4g} M)"
    words = with_second(f"{note(result, ())}; {words}", result, theirs)
    return Sheet((first, *panels), note=words, fingerprints=fingerprints(results), linked=True)


def _second_widths(ours: list[Result], theirs: list[Result], names: tuple[str, ...]) -> Floats:
    """Widths of a second network at the layers that correspond, NaN for none."""
    layers = known_layers(theirs)
    known = {layer.name: float(layer.channels) for layer in layers if layer.channels}
    there = counterparts(known_layers(ours), layers, names)
    return found_something(theirs[0], np.array([known.get(name, np.nan) for name in there], dtype=np.float64))
