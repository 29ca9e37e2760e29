"""What the selected configuration changes: at which layers, the maps that follow, and its answer for a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.measures.configurations import Option
from analysis.measures.geometry import Layout
from app.reading import numbers
from app.reading.building import Bench
from app.reading.chosen import run_that_tried
from app.reading.configurations import Reading
from app.reading.samples import Guess
from app.workspace import ChosenConfiguration, Workspace

Sizes = tuple[int, int]
MAPS_KNOWN = ("", "policy=resize")
"""Rules under which the size of a map follows from the geometry alone: pictures are not zoomed."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a configuration does to a layer.

    Attributes
    ----------
    option
        Words for its new geometry, "" where it has its own.
    size, plain
        Map after it as (rows, columns), and that of the network as it is; None where they are equal or not known.
    """

    option: str
    size: Sizes | None = None
    plain: Sizes | None = None

    @property
    def short(self) -> str:
        """What a narrow column has room for: its option, else its map."""
        return self.option or (numbers.shape(self.size) if self.size else "")

    @property
    def sentence(self) -> str:
        """The same with the map of the network as it is."""
        if self.size is None or self.plain is None:
            return self.option
        maps = f"output map {numbers.shape(self.size)}, plain {numbers.shape(self.plain)}"
        return ", ".join(part for part in (self.option, maps) if part)


def option_words(word: str) -> str:
    """Say what an option is: "dil 2", "stride 2×1", "stride 1/2", "kernel 5"."""
    option = Option.read(word)
    name = {"dil": "dil", "ker": "kernel"}.get(option.kind, "stride")
    sides = [f"1/{side}" if option.kind == "up" and side > 1 else str(side) for side in option.size]
    return f"{name} {sides[0] if sides[0] == sides[1] else '×'.join(sides)}"


def changes(workspace: Workspace, bench: Bench) -> Mapping[str, Change]:
    """Return what the selected configuration changes, by layer: options and every map of another size; {} for none.

    Sizes come from the geometry in closed form; before the engine has drawn the network's plan, those after the
    switch points come from the run that tried it.
    """
    chosen = workspace.selection.configuration
    if chosen is None:
        return {}
    found = {name: Change(option_words(word)) for name, word in chosen.geometry}
    for name, (size, plain) in (_laid_out(workspace, bench, chosen) or _recorded(workspace, chosen)).items():
        if size != plain:
            found[name] = Change(found[name].option if name in found else "", size, plain)
    return found


def _laid_out(workspace: Workspace, bench: Bench, chosen: ChosenConfiguration) -> dict[str, tuple[Sizes, Sizes]]:
    blueprint = bench.read(workspace)
    if blueprint is None or chosen.rules not in MAPS_KNOWN:
        return {}
    own, layout = bench.layout((), False), bench.layout(chosen.geometry, bool(chosen.rules))
    if not isinstance(own, Layout) or not isinstance(layout, Layout) or layout.problem:
        return {}
    nodes = zip(blueprint.nodes, layout.maps, own.maps, strict=True)
    sizes = {node.name: (size, plain) for node, size, plain in nodes if min(size) > 0}
    planned = {node.name for node in blueprint.nodes}
    before: tuple[Sizes, Sizes] | None = None
    for layer in workspace.layers:  # rows that the plan has under another name: they keep the map that they are given
        given = layer.kind in ("activation", "block", "branch") and layer.name not in planned
        keeps = given and before is not None and layer.shape[1:] == before[1]
        before = sizes.get(layer.name, before if keeps else None)
        if before is not None:
            sizes[layer.name] = before
    return sizes


def _recorded(workspace: Workspace, chosen: ChosenConfiguration) -> dict[str, tuple[Sizes, Sizes]]:
    found = run_that_tried(workspace, chosen)
    if found is None:
        return {}
    _, reading, number = found
    return dict(zip(reading.points, zip(reading.maps(number), reading.maps(0), strict=True), strict=False))


# -- a picture -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What the network says of a picture under the selected configuration.

    Attributes
    ----------
    heading
        Name of the configuration; "" if none is selected.
    guesses
        From the most likely class on; () if it was not measured.
    words
        Its answer, and the plain one; or why it was not measured.
    """

    heading: str = ""
    guesses: tuple[Guess, ...] = ()
    words: str = ""


def answer(workspace: Workspace, place: int) -> Answer:
    """Look up what the selected configuration says of a picture of the open source."""
    chosen = workspace.selection.configuration
    if chosen is None:
        return Answer()
    heading, found = f"Under {chosen.name}", run_that_tried(workspace, chosen)
    if found is None:
        return Answer(heading, (), "Not measured, because no open run has tried this configuration.")
    run, reading, number = found
    source, own = run.request.images, workspace.images
    if source is None or own is None or source.location != own.location:
        return Answer(heading, (), "Not measured, because it was tried on other pictures.")
    row = reading.row_of(place)
    if row < 0:
        return Answer(heading, (), "Not measured, because its run did not use this picture.")
    label = int(reading.label[row])
    guesses = tuple(Guess(reading.class_name(k), share, k == label) for k, share in reading.likely(row, number))
    words = f"{_verdict(reading, row, number)}\n{reading.own}: {_verdict(reading, row, 0)}"
    return Answer(heading, guesses, words)


def _verdict(reading: Reading, row: int, number: int) -> str:
    """Say what is answered, how sure, and whether that is right."""
    (kind, share), label = reading.likely(row, number)[0], int(reading.label[row])
    verdict = "" if label < 0 else ", right" if kind == label else ", wrong"
    return f"{reading.class_name(kind)} {numbers.percent(share)}{verdict}"
