"""Match the labels of pictures to the outputs of a network: by synset id, name, index, or a list of names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.pictures import PictureSet
from analysis.problems import AnalysisError

_SYNSET = re.compile(r"^n\d{8}$")
_INDEX = re.compile(r"^(\d{1,6})(?:[\s._-]+(.*))?$")
UNFIT = "classes"
"""Code of the refusal of labels that fit no output."""
LONGEST = 40
"""Letters of a class name that a sentence shows."""


def match_labels(
    names: Sequence[str],
    classes: Sequence[str] = (),
    classes_file: str = "",
    synsets: Sequence[str] = (),
    outputs: int = 0,
) -> NDArray[np.int64]:
    """Find the network's output for each class of the pictures.

    A name such as ``n01440764_tench``, ``tench`` or ``000-tench`` is matched by its synset id, else by its words, else
    by its number, against the lines of `classes_file` if there is one and then against the network's own names. If not
    every line of the file is one of the network's names, line k stands for output k; names that contradict this are
    refused.

    Parameters
    ----------
    names
        Names of the classes of the pictures, usually of their folders.
    classes
        Names of the network's outputs, empty if unknown.
    classes_file
        Text file with one class name a line, "" for none.
    synsets
        WordNet ids of the outputs, such as n01440764, if known.
    outputs
        Number of outputs, 0 if unknown.

    Returns
    -------
    NDArray[np.int64]
        (names,) numbers of outputs.

    Raises
    ------
    AnalysisError
        If a name fits no output or several, with code "classes" and these names as items.
    """
    count = outputs or len(classes) or len(synsets)
    if classes_file:
        lines = read_classes(classes_file)
        return _through_file(_found(names, lines, (), len(lines)), lines, classes, synsets, count)
    if not count:
        return np.arange(len(names), dtype=np.int64)
    return _found(names, classes, synsets, count)


def label_outputs(
    pictures: PictureSet,
    classes: Sequence[str] = (),
    classes_file: str = "",
    synsets: Sequence[str] = (),
    outputs: int = 0,
) -> NDArray[np.int64] | None:
    """Return the labels of a set as numbers of outputs, or None if it has none.

    Folders are matched by name, see :func:`match_labels`. Labels that are numbers already stay as they are, unless the
    names that come with them are the network's names in another order.

    Returns
    -------
    NDArray[np.int64] | None
        (pictures,) numbers of outputs.

    Raises
    ------
    AnalysisError
        If labels lie outside the outputs or cannot be matched, with code "classes".
    """
    labels = pictures.labels
    if labels is None:
        return None
    count = outputs or len(classes) or len(synsets)
    if not pictures.numbered:
        return match_labels(pictures.classes, classes, classes_file, synsets, outputs)[labels]
    names: Sequence[str] = read_classes(classes_file) if classes_file else pictures.classes
    if classes_file:
        _refuse_outside(labels, len(names), f"{Path(classes_file).name} has only {len(names)} lines.")
    if names and int(labels.max(initial=0)) < len(names):
        lines = np.arange(len(names), dtype=np.int64)
        labels = _through_file(lines, names, classes, synsets, 0)[labels]
    if count:
        _refuse_outside(labels, count, f"the network has {counted_outputs(count)}.")
    return labels


def class_names(
    pictures: PictureSet, classes: Sequence[str], labels: NDArray[np.int64] | None, classes_file: str = ""
) -> tuple[str, ...]:
    """Names in the order of the matched labels: the network's, else the ones that come with the pictures."""
    if classes or labels is None or pictures.labels is None:
        return tuple(classes)
    names = list(read_classes(classes_file)) if classes_file else []
    if not names and pictures.classes:
        names = [str(number) for number in range(int(labels.max(initial=0)) + 1)]
        for mine, output in set(zip(pictures.labels.tolist(), labels.tolist(), strict=True)):
            names[output] = pictures.classes[mine] if mine < len(pictures.classes) else str(output)
        if pictures.numbered:
            names.extend(pictures.classes[len(names) :])
    return tuple(names)


def read_classes(path: str) -> tuple[str, ...]:
    """Read a text file with one class name a line; empty lines at the end do not count.

    Raises
    ------
    AnalysisError
        If it cannot be read or is empty.
    """
    file = Path(path).expanduser()
    try:
        lines = file.read_text(encoding="utf-8-sig").rstrip().splitlines() if file.stat().st_size < 10**7 else []
    except (OSError, UnicodeDecodeError):
        raise AnalysisError(
            f"'{path}' is not a readable text file.", "Give a file with one class name a line."
        ) from None
    if not lines or any("\0" in line for line in lines):
        raise AnalysisError(f"{file.name} holds no class names.", "Give a file with one class name a line.")
    return tuple(line.strip() for line in lines)


def _through_file(
    places: NDArray[np.int64], lines: Sequence[str], classes: Sequence[str], synsets: Sequence[str], count: int
) -> NDArray[np.int64]:
    """Follow lines of a list of names to outputs: by name if every line has one, else line k is output k."""
    table = _aliases(classes, synsets)
    targets = [_by_words(line, table) for line in lines]
    if table and all(target is not None for target in targets):
        return np.array(targets, dtype=np.int64)[places]
    moved = [line for place, line in enumerate(lines) if targets[place] not in (None, place)]
    if moved:
        strange = [line for place, line in enumerate(lines) if targets[place] is None]
        message = f"The classes of the pictures are in another order than the network's, e.g. {_shortened(moved[0])}"
        hint = "Give the classes by the network's names with --classes FILE."
        raise AnalysisError(
            f"{message}, and some are not the network's: {_named(strange)}.", hint, UNFIT, tuple(strange)
        )
    if count:
        _refuse_outside(places, count, f"the network has {counted_outputs(count)}.")
    return places


def _found(names: Sequence[str], classes: Sequence[str], synsets: Sequence[str], count: int) -> NDArray[np.int64]:
    table = _aliases(classes, synsets)
    found = [_by_words(name, table) for name in names]
    for place, name in enumerate(names):
        index = _INDEX.match(name)
        if found[place] is None and index and int(index[1]) < count:
            found[place] = int(index[1])
    lost = [name for name, output in zip(names, found, strict=True) if output is None]
    if lost:
        one, where = len(lost) == 1, f"the network's {counted_outputs(count)}"
        who = f"The class {_shortened(lost[0])}" if one else f"{len(lost)} classes of the pictures"
        # "none of the network's 1 output" would not read well.
        fits = ("does not fit" if one else "do not fit") if count == 1 else f"{'fits' if one else 'fit'} none of"
        message = f"{who} {fits} {where}{'' if one else f': {_named(lost)}'}."
        hint = "Name folders by synset id, class name or number, or give the names in order with --classes FILE."
        raise AnalysisError(message, hint, UNFIT, tuple(lost))
    return np.array(found, dtype=np.int64)


def counted_outputs(count: int) -> str:
    """Say how many outputs a network has.

    Examples
    --------
    >>> counted_outputs(1), counted_outputs(1000)
    ('1 output', '1,000 outputs')
    """
    return f"{count:,} output{'' if count == 1 else 's'}"


def _named(names: list[str]) -> str:
    """Name one of several classes, and say how many more there are; the refusal carries all of them as items."""
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    return f"{_shortened(names[0])}{more}"


def _shortened(name: str) -> str:
    return f"'{name}'" if len(name) <= LONGEST else f"'{name[: LONGEST - 1].rstrip()}…'"


def _aliases(classes: Sequence[str], synsets: Sequence[str]) -> dict[str, int | None]:
    """Everything an output may be called, in normal form; None for what fits several outputs."""
    table: dict[str, int | None] = {}
    for output in range(max(len(classes), len(synsets))):
        texts = [synsets[output]] if output < len(synsets) else []
        if output < len(classes):
            name = classes[output]
            texts += [name, *name.split(",")]
            first, _, rest = name.replace("_", " ").partition(" ")
            if _SYNSET.match(first):
                texts += [first, rest, *rest.split(",")]
        for alias in {_normal(text) for text in texts} - {""}:
            table[alias] = output if table.get(alias, output) == output else None
    return table


def _by_words(name: str, table: dict[str, int | None]) -> int | None:
    """Find a name by synset id, then as a whole, then without a leading id or number."""
    first, _, rest = _normal(name).partition(" ")
    ways = [first, _normal(name), rest] if _SYNSET.match(first) else [_normal(name)]
    index = _INDEX.match(name)
    if index and index[2]:
        ways.append(_normal(index[2]))
    return next((table[way] for way in ways if table.get(way) is not None), None)


def _normal(name: str) -> str:
    return " ".join(re.sub(r"[\s_\-/.]+", " ", name).casefold().split())


def _refuse_outside(labels: NDArray[np.int64], count: int, fact: str) -> None:
    outside = np.unique(labels[labels >= count])
    if outside.size:
        listed = ", ".join(str(label) for label in outside[:5]) + (", …" if outside.size > 5 else "")
        noun = "labels" if outside.size > 1 else "label"
        raise AnalysisError(
            f"The pictures have the {noun} {listed}, outside 0 to {count - 1}: {fact}",
            "Use the network these pictures belong to, or name their classes with --classes FILE.",
            UNFIT,
            tuple(str(label) for label in outside[:20]),
        )
