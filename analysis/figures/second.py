"""A second network in figures: which of the runs are its own, and its values behind those of the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

import numpy as np

from analysis.catalogue import Param, Value
from analysis.config import LayerSpec
from analysis.edits import Edits
from analysis.events import Array
from analysis.figures.measured import has, pick
from analysis.figures.sheet import Floats, Matrix, Outline, Panel, ThinLine
from analysis.measures.alignment import Ints, same_names
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
    """Run of the first network, and that of the second one if there is any; not those that only tell their layers.

    Raises
    ------
    AnalysisError
        If a network has no other run.
    """
    ours, theirs = (measured(runs) for runs in split(results, options))
    return ours[0], theirs[0] if theirs else None


def measured(results: Sequence[Result]) -> list[Result]:
    """Leave out the runs of a network that stand beside others to tell which layers correspond.

    Raises
    ------
    AnalysisError
        If none is left of some.
    """
    found = [result for result in results if method_of(result) != "structure"]
    if results and not found:
        raise AnalysisError(f"{name_of(results[0])}: its structure alone has nothing to draw.", "Add what it measured.")
    return found


def method_of(result: Result) -> str:
    """Name the method of a run, "" if it is not known."""
    return result.request.method if result.request is not None else ""


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
    fits = (one for one in theirs if method_of(one) == method and has(one, measure))
    result = next(fits, None)
    if result is None:
        return None
    rows = rows_between(ours, theirs, layers, result).tolist()
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
    short = short_name(name)
    weights = weights_of(model, short)
    bare = short.rpartition(":")[2].removeprefix("cifar_")
    return weights if weights and bare in weights and not _is_file(name) else f"{short} {weights}".strip()


def short_name(name: str) -> str:
    r"""Leave away the folders where a network is named after a file.

    Examples
    --------
    >>> short_name("C:\\nets\\mine.pt2"), short_name("/a/net.py:make"), short_name("timm:foo.pyramid/x")
    ('mine.pt2', 'net.py:make', 'timm:foo.pyramid/x')
    """
    return PurePath(name.replace("\\", "/")).name if _is_file(name) else name


def _is_file(name: str) -> bool:
    return ".py:" in name or name.endswith((".pt2", ".py"))


def weights_of(model: ModelSource | None, name: str) -> str:
    """Word for the weights of a network, "" if there is none or its name says it."""
    if model is None:
        return ""
    file = model.weights[0] if len(model.weights) == 1 else ""
    path = PurePath(file.replace("\\", "/"))
    word = path.stem if path.suffix else file if file in ("random", "pretrained") else model.name.partition("@")[2]
    return "" if word in name else word


def why_other_pictures(first: Result, second: Result, by_place: bool = False) -> str:
    """Say in one clause why two runs are not of the same pictures, "" if they are.

    Samples are the same if their checksums are, and count as such where one is not known.

    Parameters
    ----------
    by_place
        True where pictures are looked up one by one, by their place in the source: runs may have chosen different ones
        of it. It has to be the same source, with as many pictures; and equal choices have to be equal samples.
    """
    ours, theirs = (run.prepared.samples if run.prepared else None for run in (first, second))
    unequal = bool(ours and theirs and ours.sha256 and theirs.sha256 and ours.sha256 != theirs.sha256)
    if not by_place:
        return "it saw other pictures" if unequal else ""
    asked = [run.request.images if run.request else None for run in (first, second)]
    if asked[0] is None or asked[1] is None or asked[0].location != asked[1].location:
        return "it saw other pictures"
    if ours is None or theirs is None or ours.total != theirs.total:
        return "the pictures have changed since"
    alike = ours.count == theirs.count and np.array_equal(_chosen(first, ours.count), _chosen(second, ours.count))
    return "the pictures have changed since" if alike and unequal else ""


def _chosen(result: Result, count: int) -> Array:
    """Places of the pictures of a run in their source."""
    indices = result.prepared.indices if result.prepared else None
    return np.arange(count) if indices is None else indices


def pictures_of(first: Result, theirs: Sequence[Result]) -> str:
    """Say that a second network saw other pictures, "" if it saw the same or none."""
    for result in theirs:
        if result.prepared and why_other_pictures(first, result):
            return f"{name_of(result)}: other pictures, N = {result.prepared.samples.count:,}"
    return ""


def known_layers(results: Sequence[Result]) -> tuple[LayerSpec, ...]:
    """Rows of a network: of its structure if that is among its runs, else of the run that knows most of them."""

    def order(result: Result) -> tuple[bool, int]:
        return bool(result.layers) and method_of(result) == "structure", len(result.layers)

    return max(results, key=order).layers


def counterparts(first: Sequence[LayerSpec], second: Sequence[LayerSpec], names: Sequence[str]) -> tuple[str, ...]:
    """Name for some layers of a network those of a second one that correspond, "" for none.

    By name, else by relative depth within the stage; by name alone where the rows of one are not known.
    """
    rows = matching_rows(tuple(first), tuple(second)).tolist() if first and second else []
    there = {ours.name: second[row].name for ours, row in zip(first, rows, strict=False) if row >= 0}
    return tuple(there.get(name, "" if rows else name) for name in names)


def rows_between(ours: Sequence[Result], theirs: Sequence[Result], layers: Sequence[LayerSpec], second: Result) -> Ints:
    """Find for some layers of a network the rows of a run of a second one that correspond.

    Which layers correspond is asked once, of the fullest rows that are known of both, and the name that is found is
    looked up in the run: a run knows some of the rows only, and they alone would lead to other ones.

    Parameters
    ----------
    ours, theirs
        All runs of both networks; where figures overlay several, the layers are those of the first.
    second
        The run of the second network whose rows are wanted.

    Returns
    -------
    (layers,) int64
        -1 where nothing corresponds.
    """
    own = [run for run in ours if _network_of(run) == _network_of(ours[0])]
    names = counterparts(known_layers(own), known_layers(theirs), [layer.name for layer in layers])
    return same_names(names, [layer.name for layer in second.layers])


def _network_of(result: Result) -> tuple[str, tuple[Edits, ...]]:
    """Tell networks apart: by the name that was found for them, and their edits."""
    name = result.prepared.model if result.prepared else ""
    return name, result.request.edits.steps if result.request is not None else ()


def same_pictures(first: Result, second: Result) -> None:
    """Insist on equal pictures: differences of anything else mean nothing.

    Raises
    ------
    AnalysisError
        If the second network saw others.
    """
    why = why_other_pictures(first, second)
    if why:
        raise refused(second, why)


def with_second(words: str, first: Result, theirs: Sequence[Result]) -> str:
    """Add to a note what has to be minded about the second network."""
    return " · ".join(word for word in (words, pictures_of(first, theirs)) if word)
