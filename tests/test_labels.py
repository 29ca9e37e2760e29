"""Labels of pictures against outputs of networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from analysis.labels import class_names, label_outputs, match_labels, read_classes
from analysis.pictures import PictureSet
from analysis.problems import AnalysisError

ANIMALS = ("tench, Tinca tinca", "crane", "hen-of-the-woods", "crane", "Egyptian cat")
SYNSETS = ("n01440764", "n02012849", "n13052670", "n03126707", "n02124075")


def pictures(labels: Sequence[int], classes: tuple[str, ...] = (), numbered: bool = True) -> PictureSet:
    images = np.zeros((len(labels), 2, 2), np.uint8)
    return PictureSet("x", images, np.array(labels, dtype=np.int64), classes, numbered)


def lines(path: Path, *names: str) -> str:
    path.write_text("\n".join(names) + "\n\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("n01440764", 0),
        ("n01440764_tench", 0),
        ("n03126707-crane", 3),
        ("Tinca Tinca", 0),
        ("TENCH", 0),
        ("egyptian_cat", 4),
        ("hen of the woods", 2),
        ("004.Egyptian_cat", 4),
        ("3", 3),
        ("003_whatever", 3),
        ("002-tench", 0),  # words go before numbers
    ],
)
def test_folders_match_by_synset_name_or_number(name: str, output: int) -> None:
    assert match_labels((name,), ANIMALS, synsets=SYNSETS).tolist() == [output]


def test_names_that_bring_their_synset_ids() -> None:
    named = tuple(f"{synset} {words}" for synset, words in zip(SYNSETS, ANIMALS, strict=True))
    assert match_labels(("n02012849", "tinca tinca", "n03126707_crane"), named).tolist() == [1, 0, 3]


@pytest.mark.parametrize(
    ("names", "items"),
    [
        (("tench", "unicorn"), ("unicorn",)),
        (("crane",), ("crane",)),  # two outputs have this name
        (("5", "6", "0"), ("5", "6")),
        (("n99999999",), ("n99999999",)),
    ],
)
def test_what_fits_no_output_is_refused_by_name(names: tuple[str, ...], items: tuple[str, ...]) -> None:
    with pytest.raises(AnalysisError) as error:
        match_labels(names, ANIMALS, synsets=SYNSETS)
    assert error.value.items == items
    assert error.value.code == "classes"
    assert "--classes" in error.value.hint
    assert items[0] in str(error.value)


def test_a_refusal_names_one_class_in_few_letters() -> None:
    long = [f"a very long name that somebody gave to the folder number {place}" for place in range(4)]
    with pytest.raises(AnalysisError) as error:
        match_labels(long, outputs=1000)
    assert str(error.value) == (
        "4 classes of the pictures fit none of the network's 1,000 outputs: "
        "'a very long name that somebody gave to…' and 3 more."
    )
    assert error.value.items == tuple(long)
    for names, words in (
        (long[:1], "The class 'a very long name that somebody gave to…' does not fit the network's 1 output."),
        (["ant", "bee"], "2 classes of the pictures do not fit the network's 1 output: 'ant' and 1 more."),
    ):
        with pytest.raises(AnalysisError) as error:
            match_labels(names, outputs=1)
        assert str(error.value) == words
    with pytest.raises(AnalysisError, match=r"label 1, outside 0 to 0: the network has 1 output\."):
        label_outputs(pictures([0, 1]), outputs=1)


def test_numbers_alone_need_the_number_of_outputs() -> None:
    assert match_labels(("7", "0"), outputs=10).tolist() == [7, 0]
    with pytest.raises(AnalysisError, match="10 outputs"):
        match_labels(("7", "10"), outputs=10)
    with pytest.raises(AnalysisError):
        match_labels(("ant", "bee"), outputs=10)
    assert match_labels(("ant", "bee")).tolist() == [0, 1], "nothing known: order of the names"


def test_a_file_of_classes_leads_by_name_or_else_by_line(tmp_path: Path) -> None:
    ants = lines(tmp_path / "a.txt", "cat", "ant", "bee")
    assert match_labels(("ant", "bee"), outputs=3, classes_file=ants).tolist() == [1, 2]
    assert match_labels(("ant", "bee"), ("Bee", "Ant", "Cat"), ants).tolist() == [1, 0]
    assert match_labels(("1", "2"), ("Bee", "Ant", "Cat"), ants).tolist() == [1, 0]
    assert match_labels(("ant",), ("x", "y", "z"), ants).tolist() == [1]
    with pytest.raises(AnalysisError, match="other order"):
        match_labels(("ant",), ("ant", "y", "z"), ants)
    with pytest.raises(AnalysisError, match="unicorn"):
        match_labels(("unicorn",), outputs=3, classes_file=ants)
    with pytest.raises(AnalysisError, match="2 outputs"):
        match_labels(("bee",), outputs=2, classes_file=ants)


def test_numbered_labels_stay_unless_their_names_are_in_another_order(tmp_path: Path) -> None:
    network = ("ant", "bee", "cat")
    for classes, expected in (
        ((), [2, 0, 1]),
        (("ant", "bee", "cat"), [2, 0, 1]),
        (("cat", "ant", "bee"), [1, 2, 0]),
        (("emu", "fox", "gnu"), [2, 0, 1]),
    ):
        found = label_outputs(pictures([2, 0, 1], classes), network)
        assert found is not None
        assert found.tolist() == expected, classes
    with pytest.raises(AnalysisError, match="other order"):
        label_outputs(pictures([0], ("cat", "ant", "gnu")), network)
    named = label_outputs(pictures([2, 0, 1]), network, lines(tmp_path / "a.txt", "bee", "cat", "ant"))
    assert named is not None
    assert named.tolist() == [0, 1, 2]
    assert label_outputs(PictureSet("x", np.zeros((2, 2, 2), np.uint8)), network) is None


def test_labels_outside_the_outputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="labels 10, 12, outside 0 to 9") as error:
        label_outputs(pictures([3, 10, 12, 10]), outputs=10)
    assert error.value.items == ("10", "12")
    with pytest.raises(AnalysisError, match="label 3, outside 0 to 2"):
        label_outputs(pictures([3]), ("a", "b", "c"))
    with pytest.raises(AnalysisError, match="only 2 lines"):
        label_outputs(pictures([2]), outputs=10, classes_file=lines(tmp_path / "a.txt", "ant", "bee"))
    assert label_outputs(pictures([99])) is not None, "without a number of outputs nothing is outside"


def test_folders_are_matched_before_their_labels_are_used() -> None:
    found = label_outputs(pictures([0, 1, 1], ("bee", "cat"), numbered=False), ("cat", "ant", "bee"))
    assert found is not None
    assert found.tolist() == [2, 0, 0]


def test_names_of_results(tmp_path: Path) -> None:
    folder = pictures([0, 1], ("1", "3"), numbered=False)
    labels = label_outputs(folder, outputs=5)
    assert class_names(folder, (), labels) == ("0", "1", "2", "3")
    assert class_names(folder, ("a", "b", "c", "d", "e"), labels) == ("a", "b", "c", "d", "e")
    named = pictures([0, 1], ("ant", "bee", "cat"))
    assert class_names(named, (), named.labels) == ("ant", "bee", "cat")
    file = lines(tmp_path / "a.txt", "x", "y", "z")
    assert class_names(named, (), named.labels, file) == ("x", "y", "z")
    assert class_names(PictureSet("x", np.zeros((1, 2, 2), np.uint8)), (), None) == ()


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00", b"a\0b"])
def test_unreadable_class_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(AnalysisError) as error:
        read_classes(str(tmp_path / "a.txt"))
    assert "one class name a line" in error.value.hint


def test_class_files_of_windows_and_missing_ones(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfant\r\nbee \r\n")
    assert read_classes(str(tmp_path / "a.txt")) == ("ant", "bee")
    with pytest.raises(AnalysisError, match="gone"):
        read_classes(str(tmp_path / "gone.txt"))
