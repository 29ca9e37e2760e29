"""The loaded pictures as a table: labels, predictions, which of them to show and in which order. No widgets."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.measures.accuracy import one_output
from analysis.pictures import PictureSet
from analysis.result import Result
from app.reading import numbers
from app.reading.depth import Floats, Ints

Flags = NDArray[np.bool_]
ORDERS = ("place", "confidence", "loss")
ORDER_WORDS = {"place": "as they lie", "confidence": "confidence", "loss": "loss"}
DISAGREE, ONLY_HERE, ONLY_THERE = "disagree", "only here", "only there"
OF_TWO = (DISAGREE, ONLY_HERE, ONLY_THERE)
"""Verdicts that take the answers of a second network."""
VERDICTS = ("all", "right", "wrong", *OF_TWO)
NUMBER = re.compile(r"(?:#|(?:picture|image|sample)\s*#?)\s*(\d[\d,]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which pictures are wanted, and in which order.

    Attributes
    ----------
    label
        Number of a class of the source, -1 for all.
    verdict
        One of :data:`VERDICTS`.
    low, high
        Range of the confidence, both inclusive, 0 to 1.
    words
        Part of the name of the true or of the predicted class, or of the file. A number such as "#12" asks for one
        picture and leaves none away.
    order
        One of :data:`ORDERS`.
    falling
        True for the largest first.
    prediction
        Number of an output of the network, -1 for all.
    """

    label: int = -1
    verdict: str = "all"
    low: float = 0.0
    high: float = 1.0
    words: str = ""
    order: str = "place"
    falling: bool = False
    prediction: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class SampleTable:
    """What is known of every picture of a source. All arrays have the axis (picture,).

    Attributes
    ----------
    count
        Number of pictures.
    rows
        int64, row of the picture in the run, -1 where the run did not use it; all -1 without a run.
    labels
        int64, class of the source, -1 where there is none.
    predictions
        int64, class of the network's output, -1 for not in the run.
    right
        int8: 1 right, 0 wrong, -1 unknown.
    confidence, loss
        float64, NaN for unknown.
    names
        Names of the source's classes.
    outputs
        Names of the network's outputs; empty if unknown.
    score
        float64, the number that a network with a single output gives, which predicts no class; NaN for unknown. Empty
        for networks with several outputs.
    """

    count: int
    rows: Ints
    labels: Ints
    predictions: Ints
    right: NDArray[np.int8]
    confidence: Floats
    loss: Floats
    names: tuple[str, ...]
    outputs: tuple[str, ...]
    score: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def one_output(self) -> bool:
        """True if the network has a single output: there are no classes to choose from, and no confidence."""
        return bool(self.score.size)

    @property
    def measured(self) -> bool:
        """True if there is a prediction for any picture."""
        return bool((self.predictions >= 0).any())

    @property
    def classes(self) -> tuple[tuple[int, str], ...]:
        """Number and name of every class of the source; without names, of those that occur."""
        return tuple(enumerate(self.names)) or _occurring(self.labels)

    @property
    def predicted(self) -> tuple[tuple[int, str], ...]:
        """Number and name of every output of the network; without names, of those that occur. None of a single one."""
        if self.one_output:
            return ()
        return tuple(enumerate(self.outputs)) or _occurring(self.predictions)

    def label_name(self, place: int) -> str:
        """Name of a picture's true class, "" for none."""
        return _name(self.names, int(self.labels[place]))

    def prediction_name(self, place: int) -> str:
        """Name of the class that is predicted for a picture, "" for not in the run; of a single output its number."""
        if self.one_output:
            return f"output {numbers.short(float(self.score[place]))}" if np.isfinite(self.score[place]) else ""
        return self.output_name(int(self.predictions[place]))

    def output_name(self, output: int) -> str:
        """Name of an output of the network, its number where it has none."""
        return _name(self.outputs, output)


def _occurring(numbers: Ints) -> tuple[tuple[int, str], ...]:
    found: list[int] = np.unique(numbers).tolist()
    return tuple((number, str(number)) for number in found if number >= 0)


def _name(names: tuple[str, ...], number: int) -> str:
    if number < 0:
        return ""
    return names[number] if number < len(names) else str(number)


def sample_table(pictures: PictureSet, result: Result | None) -> SampleTable:
    """Bring a source of pictures and a run of `evaluate` together, by the places of the pictures in the source.

    Parameters
    ----------
    result
        The run, possibly on some of the pictures only; None for none. A run whose places do not fit into the source
        (other pictures) is left out.
    """
    count = len(pictures)
    rows = _rows(count, result)
    there = np.flatnonzero(rows >= 0)
    labels = np.full(count, -1, dtype=np.int64) if pictures.labels is None else pictures.labels.astype(np.int64)
    predictions, right = np.full(count, -1, dtype=np.int64), np.full(count, -1, dtype=np.int8)
    confidence, loss, score = np.full(count, np.nan), np.full(count, np.nan), np.empty(0)
    outputs: tuple[str, ...] = ()
    names = pictures.classes
    if result is not None and len(there):
        outputs = result.names("class")
        predictions[there] = result["prediction"][rows[there]]
        if one_output(result):
            score = np.full(count, np.nan)
            score[there] = result["score"][rows[there]] if "score" in result else np.nan
        else:
            confidence[there] = result["confidence"][rows[there]]
        if "sample_loss" in result:
            loss[there] = result["sample_loss"][rows[there]]
        own = np.asarray(result["label"], dtype=np.int64)[rows[there]]
        known = (own >= 0) & (predictions[there] >= 0)
        right[there[known]] = (own == predictions[there])[known]
        if pictures.labels is None:
            labels[there] = own
            names = outputs
        names = names or _names_through(labels[there], own, outputs)
    return SampleTable(count, rows, labels, predictions, right, confidence, loss, names, outputs, score)


def _rows(count: int, result: Result | None) -> Ints:
    rows = np.full(count, -1, dtype=np.int64)
    if result is None or "prediction" not in result or "confidence" not in result:
        return rows
    size = len(result["prediction"])
    prepared = result.prepared
    places = prepared.indices if prepared is not None and prepared.indices is not None else np.arange(size)
    if len(places) != size or (size and int(places.max()) >= count):
        return rows
    rows[places.astype(np.int64)] = np.arange(size)
    return rows


def _names_through(labels: Ints, own: Ints, outputs: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the source's classes, from the outputs that the engine has matched them with."""
    if not outputs or not len(labels):
        return ()
    names = [str(number) for number in range(int(labels.max(initial=-1)) + 1)]
    for label, output in {(int(a), int(b)) for a, b in zip(labels, own, strict=True) if a >= 0 and b >= 0}:
        names[label] = _name(outputs, output)
    return tuple(names)


def number_asked(words: str) -> int:
    """Return the number of the picture that words ask for, -1 if they ask for none.

    Examples
    --------
    >>> number_asked("#12"), number_asked("Picture 1,204"), number_asked("12"), number_asked("#12 shoe")
    (12, 1204, -1, -1)
    """
    found = NUMBER.fullmatch(words.strip())
    return int(found[1].replace(",", "")) if found else -1


def fitting(
    table: SampleTable, wish: Wish, among: Ints | None = None, of_two: Flags | None = None,
    files: tuple[str, ...] = (),
) -> Ints:  # fmt: skip
    """List the places of the pictures that are wanted, in the wanted order.

    Parameters
    ----------
    among
        Places to choose from, e.g. the pictures of a bundle; None for all.
    of_two
        (picture,) which of them have the verdict, where it takes the answers of a second network.
    files
        Names of the files of all pictures in small letters, empty where they have none.

    Returns
    -------
    (n,) int64
        Equal values, and pictures without a value, keep the order of the source; those without a value come last.
    """
    fits = np.ones(table.count, dtype=bool)
    if among is not None:
        fits[:] = False
        fits[among[(among >= 0) & (among < table.count)]] = True
    if wish.label >= 0:
        fits &= table.labels == wish.label
    if wish.prediction >= 0:
        fits &= table.predictions == wish.prediction
    if of_two is not None:
        fits &= of_two
    elif wish.verdict != "all":
        fits &= table.right == (1 if wish.verdict == "right" else 0)
    if wish.low > 0 or wish.high < 1:
        with np.errstate(invalid="ignore"):
            fits &= (table.confidence >= wish.low) & (table.confidence <= wish.high)
    if wish.words.strip() and number_asked(wish.words) < 0:
        fits &= _named(table, wish.words, files)
    return _ordered(table, wish, np.flatnonzero(fits))


def _named(table: SampleTable, words: str, files: tuple[str, ...]) -> Flags:
    """Tell which pictures have all words in the name of their true or of their predicted class, or of their file."""
    found = _with_words(table.labels, table.names, words) | _with_words(table.predictions, table.outputs, words)
    if files:
        found[with_file(files, words)] = True
    return found


def with_file(files: tuple[str, ...], words: str) -> Ints:
    """Return the places of the pictures that have all words in the name of their file, given in small letters."""
    found = list(range(len(files)))
    for word in words.lower().split():
        found = [place for place in found if word in files[place]]
    return np.array(found, dtype=np.int64)


def _with_words(classes: Ints, names: tuple[str, ...], words: str) -> Flags:
    most = int(classes.max(initial=-1))
    wanted = words.lower().split()
    fits = [all(word in _name(names, number).lower() for word in wanted) for number in range(most + 1)]
    return np.array([*fits, False], dtype=bool)[classes]  # -1 takes the last entry


def _ordered(table: SampleTable, wish: Wish, places: Ints) -> Ints:
    if wish.order == "place":
        return places[::-1] if wish.falling else places
    values = (table.confidence if wish.order == "confidence" else table.loss)[places]
    return places[np.argsort(-values if wish.falling else values, kind="stable")]  # NaN sorts last either way


@dataclass(frozen=True, slots=True)
class Guess:
    """One of the most likely classes of a picture.

    Attributes
    ----------
    share
        Softmax, 0 to 1.
    right
        True if it is the label of the picture.
    other
        Share that a second network gives it, NaN for unknown.
    beyond
        True if it is only listed because it is the label: less likely than all the others.
    """

    name: str
    share: float
    right: bool
    other: float = float("nan")
    beyond: bool = False


def guesses(table: SampleTable, result: Result | None, place: int) -> tuple[Guess, ...]:
    """List the most likely classes of a picture, the first one first; at least the prediction, if there is one.

    A single output is no choice of classes: nothing is listed.

    The label comes last where it is not among them: its share is exp(-loss), since the loss is the cross entropy.
    """
    row = int(table.rows[place]) if 0 <= place < table.count else -1
    if result is None or row < 0 or table.predictions[place] < 0 or table.one_output:
        return ()
    own, loss = int(result["label"][row]), float(table.loss[place])
    if "top_class" in result:
        classes, shares = result["top_class"][row].tolist(), result["top_share"][row].tolist()
    else:
        classes, shares = [int(table.predictions[place])], [float(table.confidence[place])]
    found = [Guess(table.output_name(c), s, c == own) for c, s in zip(classes, shares, strict=True) if c >= 0]
    if own >= 0 and own not in classes and math.isfinite(loss):
        found.append(Guess(table.output_name(own), math.exp(-loss), True, beyond=True))
    return tuple(found)
