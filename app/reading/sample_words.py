"""What is said of the loaded pictures and of one of them, in few words. No widgets."""

from __future__ import annotations

import math

from analysis.preparation import resizes
from analysis.request import Preprocessing
from app.reading import numbers
from app.reading.depth import Ints
from app.reading.sample_comparison import SecondAnswers
from app.reading.samples import SampleTable

NOTHING = "No picture fits. Take a filter away, or widen the range of confidence."


def count_words(table: SampleTable, places: Ints, second: SecondAnswers | None, selected: int) -> str:
    """Say how many pictures are shown, how many of them are right, and how many are selected.

    Parameters
    ----------
    places
        (n,) int64, the pictures that are shown.
    """
    if not len(places):
        return NOTHING
    known = table.right[places] >= 0
    words = [
        f"{len(places):,} pictures" if len(places) == table.count else f"{len(places):,} of {table.count:,} pictures"
    ]
    if known.any():
        right = int((table.right[places] == 1).sum())
        words.append(f"{right:,} right, {int(known.sum()) - right:,} wrong")
    both = second.counts(table, places) if second is not None else ""
    words += [both] if both else []
    outside = int((table.predictions[places] < 0).sum()) if table.measured else 0
    words += [f"{outside:,} not in this run"] if outside else []
    words += [f"{selected:,} selected"] if selected > 1 else []
    return " · ".join(words)


def fact_words(table: SampleTable, place: int, second: SecondAnswers | None) -> str:
    """Say what one picture is and what it is taken for, one fact a line."""
    lines = [f"Label: {table.label_name(place)}" if table.labels[place] >= 0 else "No label"]
    if table.one_output and table.predictions[place] >= 0:
        score = numbers.short(float(table.score[place]))
        lines.append(f"Output: {score}, the only one, so that there is no confidence")
    elif table.predictions[place] >= 0:
        verdict = {1: "right", 0: "wrong"}.get(int(table.right[place]), "")
        lines.append(f"Prediction: {table.prediction_name(place)}{f', {verdict}' if verdict else ''}")
        loss = float(table.loss[place])
        lines += [f"Loss: {numbers.with_unit(loss, 'nats')}"] if math.isfinite(loss) else []
    elif table.measured:
        lines.append("Not in this run: it used some of the pictures only")
    if second is not None:
        lines.append(second.words(table, place))
    return "\n".join(lines)


def no_picture(number: int, count: int) -> str:
    """Say that a number is none of the pictures; they are counted from 0."""
    return f"There is no picture #{number}: they are numbered from #0 to #{count - 1}."


def preparation_words(preprocessing: Preprocessing | None, size: tuple[int, ...] = ()) -> str:
    """Say in one sentence how pictures become numbers for the network.

    Parameters
    ----------
    size
        (height, width) of the picture, () for unknown: one that has the wanted size already is not resized.
    """
    if preprocessing is None:
        return ""
    parts = []
    if resizes(preprocessing, size):
        crop = f", central {100 * preprocessing.crop:.3g} %" if preprocessing.crop < 1 else ""
        parts.append(f"resized to {numbers.shape(preprocessing.size)} ({preprocessing.interpolation}{crop})")
    if preprocessing.grey:
        parts.append("made grey")
    parts.append("scaled to 0..1")
    if preprocessing.mean:
        parts.append(f"minus mean {_list(preprocessing.mean)}")
    if preprocessing.std:
        parts.append(f"divided by std {_list(preprocessing.std)}")
    source = {"network": "as the network was trained", "file": "as its file says", "user": "as you chose"}
    return f"Shown as stored. The network sees it {', '.join(parts)}; {source.get(preprocessing.source, 'assumed')}."


def _list(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
