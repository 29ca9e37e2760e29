"""Samples: which pictures fit, in which order, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot
from torch import Tensor, nn

from analysis import measure
from analysis.events import Declared
from analysis.result import Result
from app.browsing.wish_row import WishRow, wish_of
from app.reading import numbers
from app.reading.samples import Wish, fitting, guesses, number_asked, sample_table
from tests.sample_scenes import RUN, TABLE, pictures, run_events


def test_a_run_on_some_pictures_is_aligned_by_their_places() -> None:
    assert TABLE.predictions.tolist() == [0, -1, 2, 2, -1, 1]
    assert TABLE.right.tolist() == [1, -1, 0, 1, -1, 0]
    assert TABLE.label_name(2) == "dog"
    assert TABLE.prediction_name(2) == "tabby cat"
    assert TABLE.prediction_name(1) == ""


@pytest.mark.parametrize(
    ("wish", "places"),
    [
        (Wish(), [0, 1, 2, 3, 4, 5]),
        (Wish(label=0), [0, 1, 5]),
        (Wish(verdict="right"), [0, 3]),
        (Wish(verdict="wrong"), [2, 5]),
        (Wish(low=0.65, high=0.85), [3, 5]),
        (Wish(words="cat"), [0, 1, 2, 3, 4, 5]),
        (Wish(words="tabby"), [2, 3, 4]),
        (Wish(words="dog"), [2, 5]),
        (Wish(words="bird"), []),
        (Wish(order="confidence"), [2, 5, 3, 0, 1, 4]),
        (Wish(order="confidence", falling=True), [0, 3, 5, 2, 1, 4]),
        (Wish(order="loss", falling=True, verdict="wrong"), [2, 5]),
        (Wish(falling=True, label=0), [5, 1, 0]),
        (Wish(prediction=2), [2, 3]),
        (Wish(prediction=1, label=0), [5]),
        (Wish(words="#2"), [0, 1, 2, 3, 4, 5]),
        (Wish(words="#99 dog"), []),
    ],
)
def test_wishes(wish: Wish, places: list[int]) -> None:
    assert fitting(TABLE, wish).tolist() == places


def test_a_list_of_places_is_one_filter_among_others() -> None:
    among = np.array([5, 0, 99, 3])
    assert fitting(TABLE, Wish(), among).tolist() == [0, 3, 5]
    assert fitting(TABLE, Wish(verdict="right"), among).tolist() == [0, 3]


@settings(max_examples=50, deadline=None)
@given(
    st.integers(-1, 2), st.sampled_from(["all", "right", "wrong"]), st.floats(0, 1), st.floats(0, 1),
    st.sampled_from(["place", "confidence", "loss"]), st.booleans(),
)  # fmt: skip
def test_wishes_agree_with_a_plain_loop(
    label: int, verdict: str, low: float, high: float, order: str, falling: bool
) -> None:
    wish = Wish(label, verdict, low, high, "", order, falling)
    found = fitting(TABLE, wish).tolist()
    expected = {
        place
        for place in range(6)
        if (label < 0 or TABLE.labels[place] == label)
        and (verdict == "all" or TABLE.right[place] == (verdict == "right"))
        and ((low <= 0 and high >= 1) or low <= TABLE.confidence[place] <= high)
    }
    assert set(found) == expected
    assert len(found) == len(expected)


def test_without_a_run_labels_are_known_and_nothing_else() -> None:
    table = sample_table(pictures([0, 1, 1, 0, 0, 1]), None)
    assert not table.measured
    assert fitting(table, Wish(label=1)).tolist() == [1, 2, 5]
    assert guesses(table, None, 0) == ()


def test_classes_without_names_are_filtered_by_their_numbers(qtbot: QtBot) -> None:
    result = Result()
    for event in run_events([4, 7, 4], [4, 4, 9], [0.9, 0.8, 0.7]):
        result.apply(replace(event, names=()) if isinstance(event, Declared) else event)
    for run, predicted in ((None, ()), (result, ((4, "4"), (9, "9")))):
        table = sample_table(pictures([4, 7, 4], count=3), run)
        assert table.classes == ((4, "4"), (7, "7"))
        assert table.predicted == predicted
        row = WishRow()
        qtbot.addWidget(row)
        row.set_classes(table.classes, table.predicted)
        row.set_measured(table.measured)
        assert row.label.isEnabled()
        row.label.choose(7)
        assert fitting(table, row.usable(table.measured)).tolist() == [1]
    row.label.choose(-1)
    row.prediction.choose(4)
    assert fitting(table, row.usable(table.measured)).tolist() == [0, 1]


def test_files_are_found_by_parts_of_their_names() -> None:
    files = ("a/im_01.png", "a/im_02.png", "b/im_01.png", "b/im_11.png", "b/cat.png", "c/12.png")
    assert fitting(TABLE, Wish(words="b im"), files=files).tolist() == [2, 3]
    assert fitting(TABLE, Wish(words="dog"), files=files).tolist() == [2, 5]  # by class, as without files
    assert fitting(TABLE, Wish(words="IM_01", verdict="wrong"), files=files).tolist() == [2]
    assert fitting(TABLE, Wish(words="12"), files=files).tolist() == [5]


@pytest.mark.parametrize(("words", "number"), [
    ("#12", 12), (" # 12 ", 12), ("picture 7", 7), ("Image #1,204", 1204), ("sample 0", 0),
    ("12", -1), ("#", -1), ("#12b", -1), ("picture", -1), ("conv 12", -1),
])  # fmt: skip
def test_numbers_of_pictures_are_read_off_words(words: str, number: int) -> None:
    assert number_asked(words) == number


def test_an_order_that_is_not_to_be_had_turns_nothing_around(qtbot: QtBot) -> None:
    row = WishRow()
    qtbot.addWidget(row)
    row.show_wish(Wish(order="loss", falling=True))
    row.set_measured(False)
    assert not row.falling.isEnabled()
    assert (row.usable(False).order, row.usable(False).falling) == ("place", False)
    assert row.usable(True).falling
    row.show_wish(Wish(falling=True))
    row.set_measured(False)
    assert row.falling.isEnabled()
    assert row.usable(False).falling


def test_a_run_on_other_pictures_is_left_out() -> None:
    assert not sample_table(pictures(None, count=3), RUN).measured


def test_pictures_without_labels_take_those_of_the_run() -> None:
    table = sample_table(pictures(None), RUN)
    assert table.labels.tolist() == [0, -1, 1, 2, -1, 0]
    assert table.label_name(3) == "tabby cat"


def test_wishes_of_a_damaged_workspace_file_are_left_out() -> None:
    bad: dict[str, Any] = {"label": "x", "verdict": 3, "low": -1, "high": "1", "words": None, "order": [], "falling": 1}
    assert wish_of(bad) == Wish()
    assert wish_of({"label": 2, "verdict": "right", "low": 0.25, "order": "loss"}) == Wish(
        2, "right", 0.25, order="loss"
    )


# -- words -----------------------------------------------------------------------------------------------------------


@given(st.floats(0, 1))
def test_shares_keep_what_tells_them_from_nothing_and_from_all(share: float) -> None:
    text = numbers.share(share)
    value = float(text.replace("<", "").rstrip("%"))
    assert value / 100 == pytest.approx(share, abs=1e-5 if "<" in text else 5.1e-4)
    assert (value == 100) == (share > 1 - 0.6e-8) or 1 - share == pytest.approx(0.5e-8, rel=0.3)
    assert (value == 0) == (share == 0)


# -- the numbers come from the engine --------------------------------------------------------------------------------


class Reader(nn.Module):
    """Gives the first numbers of a picture as its class scores."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :7] * self.scale


def test_the_most_likely_classes_are_those_of_a_full_softmax() -> None:
    scores = torch.randn(40, 1, 1, 7, generator=torch.Generator().manual_seed(1))
    labels = np.arange(40) % 7
    result = measure("evaluate", Reader(), scores, labels=labels, batch=9)
    shares = torch.softmax(scores.flatten(1).double(), 1).numpy()
    order = np.argsort(-shares, axis=1, kind="stable")[:, :5]
    assert np.array_equal(result["top_class"], order)
    assert result["top_share"] == pytest.approx(np.take_along_axis(shares, order, axis=1))
    assert np.array_equal(result["top_class"][:, 0], result["prediction"])
    assert result["sample_loss"] == pytest.approx(-np.log(shares[np.arange(40), labels]))
    assert result["sample_loss"].mean() == pytest.approx(result.value("loss"))
    found = guesses(sample_table(pictures(None, 40), result), result, 3)
    assert [guess.share for guess in found] == pytest.approx(np.sort(shares[3])[::-1][:5])
    assert [guess.right for guess in found] == (order[3] == labels[3]).tolist()


def test_the_label_is_listed_with_its_share_however_unlikely_it_is() -> None:
    scores = torch.randn(30, 1, 1, 7, generator=torch.Generator().manual_seed(2))
    labels = scores.flatten(1).argsort(dim=1)[torch.arange(30), torch.arange(30) % 7].numpy()
    result = measure("evaluate", Reader(), scores, labels=labels)
    shares = torch.softmax(scores.flatten(1).double(), 1).numpy()
    table = sample_table(pictures(None, 30), result)
    for place, label in enumerate(labels.tolist()):
        found = guesses(table, result, place)
        ranked = int((shares[place] > shares[place, label]).sum())
        assert [guess.right for guess in found].count(True) == 1
        true = next(guess for guess in found if guess.right)
        assert true.share == pytest.approx(shares[place, label])
        assert true.beyond == (ranked >= 5) == (len(found) == 6)
        assert found.index(true) == min(ranked, 5)


def test_equal_outputs_keep_the_order_of_the_classes() -> None:
    result = measure("evaluate", Reader(), torch.zeros(3, 1, 1, 7), labels=[0, 1, 2])
    assert result["top_class"].tolist() == [[0, 1, 2, 3, 4]] * 3
