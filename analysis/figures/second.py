"""A second network in figures: which of the runs are its own, and its values behind those of the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

import numpy as np

from analysis.catalogue import Param, Value
from analysis.config import LayerSpec
from analysis.figures.measured import has, pick
from analysis.figures.sheet import Floats, Matrix, Outline, Panel, ThinLine
from analysis.measures.alignment import same_names
from analysis.measures.depth import matching_rows
from analysis.problems import AnalysisError
from analysis.request import ModelSource
from analysis.result import Result

COMPARED = Param("compared", 0, "How many of the last runs are of a second network: thin outlines behind", low=0)
DIFFERENCE = Param(
    "compared", 0, "How many of the last runs are of a second network: colours are the difference from it", low=0
)
ROW = Param("compared", 0, "How many of the last runs are of a second network: a row of their own below", low=0)
ALONE = "Leave 'compared' away to draw the first network alone."


def split(results: list[Result], options: Mapping[str, Value]) -> tuple[list[Result], list[Result]]:
    """Tell the runs of the network of a figure from those of the one that it is compared with.

    Raises
    ------
    AnalysisError
        If no run would be left.
    """
    count = int(options.get("compared", 0))
    if count >= len(results):
        raise AnalysisError(
            f"Of {len(results)} run{'s' if len(results) != 1 else ''}, {count} are to be of a second network.",
            "Name a run of the first network before them.",
        )
    return results[: len(results) - count], results[len(results) - count :]


def pair(results: list[Result], options: Mapping[str, Value]) -> tuple[Result, Result | None]:
    """Run of the first network, and that of the second one if there is any."""
    ours, theirs = split(results, options)
    return ours[0], theirs[0] if theirs else None


def refused(second: Result, why: str) -> AnalysisError:
    """Say why nothing of a second network can be drawn, in the words of the window."""
    return AnalysisError(f"{name_of(second)}: not compared, because {why}.", ALONE, "compared")


def needs(second: Result, *outputs: str) -> None:
    """Insist on outputs of a second network.

    Raises
    ------
    AnalysisError
        If one is missing.
    """
    for name in outputs:
        if name not in second:
            raise refused(second, f"its run holds no {name.replace('_', ' ')}")


def found_something(second: Result, values: Floats, what: str = "layer") -> Floats:
    """Hand values on unless nothing of them is known: a figure never leaves the second network out without a word.

    Raises
    ------
    AnalysisError
        If all values are NaN.
    """
    if not np.isfinite(values).any():
        raise refused(second, f"no {what} corresponds")
    return values


def outline(
    ours: Sequence[Result], theirs: Sequence[Result], method: str, measure: str, layers: Sequence[LayerSpec]
) -> Outline | None:
    """Values of a second network at the layers that correspond: by name, else by relative depth within the stage.

    Parameters
    ----------
    ours, theirs
        All runs of both networks: those that know most rows decide which correspond.
    method
        Of the run that is drawn: only a run of the same method has the same measure.
    layers
        Rows that are drawn.
    """
    fits = (one for one in theirs if one.request is not None and one.request.method == method and has(one, measure))
    result = next(fits, None)
    if result is None:
        return None
    names = counterparts(known_layers(ours), known_layers(theirs), [layer.name for layer in layers])
    rows = same_names(names, [layer.name for layer in result.layers]).tolist()
    return Outline(np.arange(len(layers), dtype=np.float64), pick(result, measure, rows), name_of(result))


def insist(theirs: Sequence[Result], panels: Sequence[Panel], what: str) -> None:
    """Make sure that something of a second network is drawn.

    Raises
    ------
    AnalysisError
        If it is not.
    """
    marks = [mark for panel in panels for mark in panel.marks if isinstance(mark, Outline)]
    if theirs and not any(np.isfinite(mark.y).any() for mark in marks):
        raise refused(theirs[0], "no layer corresponds" if marks else f"it has no run of {what}")


def difference(matrix: Matrix, values: Floats, second: Result) -> Matrix:
    """Turn a matrix into how much more there is than in a second network.

    Parameters
    ----------
    values
        (rows, columns) the values there, NaN where nothing corresponds.
    """
    found = found_something(second, matrix.values - values, "cell")
    label = f"{matrix.label.partition(';')[0]}, difference from {name_of(second)}"
    return replace(matrix, values=found, label=label, hue="signed", low=None)


def key(second: Result | None) -> tuple[ThinLine, ...]:
    """Say once in a legend whose the thin lines in several colours are."""
    nothing = np.empty(0)
    return (ThinLine(nothing, nothing, name_of(second)),) if second is not None else ()


def named_once(panels: list[Panel]) -> tuple[Panel, ...]:
    """Take the name off every outline but the first, so that the legend of a stack says it once."""
    found, named = [], False
    for panel in panels:
        marks = tuple(replace(mark, label="") if named and isinstance(mark, Outline) else mark for mark in panel.marks)
        named = named or any(isinstance(mark, Outline) for mark in marks)
        found.append(replace(panel, marks=marks))
    return tuple(found)


def name_of(result: Result) -> str:
    """Words for the second network: its name, with its weights and "(edited)" if need be."""
    name = (result.prepared.model if result.prepared else "") or "second network"
    edited = "(edited)" if result.request is not None and not result.request.edits.empty else ""
    words = network_words(result.request.model if result.request is not None else None, name)
    return " ".join(word for word in (words, edited) if word)


def network_words(model: ModelSource | None, name: str) -> str:
    """Words for a network and its weights, of which neither is said twice.

    Weights that are named after the architecture stand for both, and of a path only the file is named.

    Examples
    --------
    >>> network_words(ModelSource("auto", ("a/resnet20-12fca82f.th",)), "cifar_resnet20")
    'resnet20-12fca82f'
    >>> network_words(ModelSource("auto", ("a/epoch-2.th",)), "cifar_resnet20")
    'cifar_resnet20 epoch-2'
    >>> network_words(ModelSource("/home/a/net.py:make", ("b/last.pt",)), "/home/a/net.py:make")
    'net.py:make last'
    """
    path = ".py:" in name or name.endswith((".pt2", ".py"))
    short = PurePath(name.replace("\\", "/")).name if path else name
    weights = weights_of(model, short)
    bare = short.rpartition(":")[2].removeprefix("cifar_")
    return weights if weights and bare in weights and not path else f"{short} {weights}".strip()


def weights_of(model: ModelSource | None, name: str) -> str:
    """Word for the weights of a network, "" if there is none or its name says it."""
    if model is None:
        return ""
    file = model.weights[0] if len(model.weights) == 1 else ""
    path = PurePath(file.replace("\\", "/"))
    word = path.stem if path.suffix else file if file in ("random", "pretrained") else model.name.partition("@")[2]
    return "" if word in name else word


def pictures_of(first: Result, theirs: Sequence[Result]) -> str:
    """Say that a second network saw other pictures, "" if it saw the same or none."""
    ours = first.prepared.samples if first.prepared else None
    for result in theirs:
        there = result.prepared.samples if result.prepared else None
        if ours and there and ours.sha256 and there.sha256 and ours.sha256 != there.sha256:
            return f"{name_of(result)}: other pictures, N = {there.count:,}"
    return ""


def known_layers(results: Sequence[Result]) -> tuple[LayerSpec, ...]:
    """Rows of a network: of its structure if that is among its runs, else of the run that knows most of them."""

    def order(result: Result) -> tuple[bool, int]:
        return result.request is not None and result.request.method == "structure", len(result.layers)

    return max(results, key=order).layers


def counterparts(first: Sequence[LayerSpec], second: Sequence[LayerSpec], names: Sequence[str]) -> tuple[str, ...]:
    """Name for some layers of a network those of a second one that correspond, "" for none.

    By name, else by relative depth within the stage; by name alone where the rows of one are not known.
    """
    rows = matching_rows(tuple(first), tuple(second)).tolist() if first and second else []
    there = {ours.name: second[row].name for ours, row in zip(first, rows, strict=False) if row >= 0}
    return tuple(there.get(name, "" if rows else name) for name in names)


def same_pictures(first: Result, second: Result) -> None:
    """Insist on equal pictures: differences of anything else mean nothing.

    Raises
    ------
    AnalysisError
        If the second network saw others.
    """
    if pictures_of(first, [second]):
        raise refused(second, "it saw other pictures")


def with_second(words: str, first: Result, theirs: Sequence[Result]) -> str:
    """Add to a note what has to be minded about the second network."""
    return " · ".join(word for word in (words, pictures_of(first, theirs)) if word)
