"""Sets of pictures: folders, names, broken files, hashes, choosing, thumbnails."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from analysis.picture_files import UnreadablePicture
from analysis.pictures import PictureSet, choose, open_pictures, thumbnail
from analysis.problems import AnalysisError

RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
GREYS = RANDOM.integers(0, 256, (6, 5, 4), dtype=np.uint8)


def refusal(location: Path | str) -> str:
    """Sentence and hint with which a location is refused."""
    with pytest.raises(AnalysisError) as error:
        open_pictures(str(location))
    assert error.value.hint, "an error has to say what to do"
    return f"{error.value} {error.value.hint}"


def save(picture: np.ndarray, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path


def all_pictures(pictures: PictureSet) -> np.ndarray:
    return np.stack([pictures.picture(index) for index in range(len(pictures))])


def test_folder_per_class_sorts_names_and_reads_nested_pictures(tmp_path: Path) -> None:
    for number, name in enumerate(("zebra/b.png", "zebra/a.PNG", "ant/deep/c.bmp")):
        save(COLOURS[number], tmp_path / name)
    (tmp_path / "zebra" / "notes.txt").write_text("not a picture")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden").mkdir()
    save(COLOURS[3], tmp_path / ".hidden" / "x.png")
    pictures = open_pictures(str(tmp_path))
    assert pictures.classes == ("ant", "zebra")
    assert [pictures.name(index) for index in range(3)] == ["ant/deep/c.bmp", "zebra/a.PNG", "zebra/b.png"]
    assert pictures.labels is not None
    assert pictures.labels.tolist() == [0, 1, 1]
    assert not pictures.numbered
    assert np.array_equal(all_pictures(pictures), COLOURS[[2, 1, 0]])


def test_flat_folder_and_single_picture_have_no_labels(tmp_path: Path) -> None:
    save(GREYS[1], tmp_path / "b.png")
    save(GREYS[0], tmp_path / "a.png")
    pictures = open_pictures(str(tmp_path))
    assert pictures.labels is None
    assert np.array_equal(all_pictures(pictures), GREYS[:2])
    one = open_pictures(str(tmp_path / "b.png"))
    assert len(one) == 1
    assert one.name(0) == "b.png"
    assert np.array_equal(one.picture(0), GREYS[1])


def test_unclear_folders_are_refused(tmp_path: Path) -> None:
    assert "no pictures" in refusal(tmp_path)
    save(GREYS[0], tmp_path / "train" / "ant" / "a.png")
    save(GREYS[0], tmp_path / "val" / "ant" / "a.png")
    text = refusal(tmp_path)
    assert "train, val" in text
    assert str(tmp_path / "train") in text
    save(GREYS[0], tmp_path / "loose.png")
    assert "beside and inside" in refusal(tmp_path)


def test_demo_and_noise() -> None:
    pictures = open_pictures("demo:test")
    assert len(pictures) == 2000
    assert pictures.labels is not None
    assert np.bincount(pictures.labels).tolist() == [200] * 10
    assert pictures.classes[9] == "Ankle boot"
    few, many = open_pictures("noise:3", (3, 8, 6)), open_pictures("noise:30", (3, 8, 6))
    assert few.labels is None
    assert few.picture(1).shape == (8, 6, 3)
    assert np.array_equal(all_pictures(few), all_pictures(many)[:3])
    assert not np.array_equal(few.picture(0), few.picture(1))
    assert open_pictures("noise:1", (1, 8, 6)).picture(0).shape == (8, 6)
    noise = all_pictures(many).astype(float)
    assert abs(noise.mean() - 127.5) < 3
    assert abs(noise.std() - 73.9) < 2


@pytest.mark.parametrize(
    "location",
    ["", "no/such/place", "demo:", "demo:valid", "noise:", "noise:-3", "noise:0", "noise:1e9", "noise:" + "9" * 5000],
)
def test_nonsense_locations_are_refused(location: str) -> None:
    assert location.partition(":")[2][:20] in refusal(location)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    assert ".npz" in refusal(tmp_path / "a.txt")
    (tmp_path / "a.npz").write_bytes(b"")
    assert "damaged" in refusal(tmp_path / "a.npz")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        assert "neither" in refusal(tmp_path / "pipe.png")


def test_a_picture_that_has_gone_is_named(tmp_path: Path) -> None:
    path = save(GREYS[0], tmp_path / "a.png")
    pictures = open_pictures(str(tmp_path))
    path.unlink()
    with pytest.raises(UnreadablePicture, match="gone"):
        pictures.picture(0)
    assert pictures.sha256(np.arange(1), None)


# ---- hashes, choosing, thumbnails ------------------------------------------------------------------------------------


def test_the_hash_follows_pixels_choice_and_labels(tmp_path: Path) -> None:
    def hashed(images: np.ndarray, indices: list[int], labels: list[int] | None) -> str:
        chosen = np.array(labels) if labels is not None else None
        return PictureSet("x", images).sha256(np.array(indices), chosen)

    base = hashed(GREYS, [0, 1], [0, 0])
    changed = GREYS.copy()
    changed[1, 0, 0] ^= 1
    unseen = GREYS.copy()
    unseen[2, 0, 0] ^= 1
    others = [hashed(changed, [0, 1], [0, 0]), hashed(GREYS, [0, 2], [0, 0]), hashed(GREYS, [0, 1], [0, 1])]
    others += [hashed(GREYS, [0, 1], None), hashed(GREYS.reshape(6, 4, 5), [0, 1], [0, 0]), hashed(GREYS, [0], [0])]
    assert len({base, *others}) == 7
    assert hashed(unseen, [0, 1], [0, 0]) == base
    save(GREYS[0], tmp_path / "a" / "x.png")
    save(GREYS[0], tmp_path / "b" / "y.png")
    folder = open_pictures(str(tmp_path))
    assert folder.sha256(np.array([0]), None) == folder.sha256(np.array([1]), None), "names do not matter"


def written_formula(labels: list[int], limit: int, seed: int) -> list[int]:
    """The rule as it is written down, step by step."""
    queues = {}
    for c in sorted(set(labels)):
        images = [i for i, label in enumerate(labels) if label == c]
        queues[c] = [images[k] for k in np.random.RandomState([seed, c]).permutation(len(images))]
    chosen: list[int] = []
    while len(chosen) < limit and any(queues.values()):
        for c in sorted(queues):
            if queues[c] and len(chosen) < limit:
                chosen.append(queues[c].pop(0))
    return sorted(chosen)


LABELS = st.lists(st.integers(0, 6), min_size=1, max_size=60)


@given(LABELS, st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_choice_is_the_written_formula(labels: list[int], limit: int, seed: int) -> None:
    chosen = choose(np.array(labels), len(labels), limit, seed)
    assert chosen.dtype == np.int64
    assert chosen.tolist() == written_formula(labels, limit, seed)


@given(LABELS, st.integers(1, 60), st.integers(1, 60), st.booleans())
def test_smaller_choices_are_part_of_larger_ones(labels: list[int], one: int, two: int, known: bool) -> None:
    given_labels = np.array(labels) if known else None
    small, large = (choose(given_labels, len(labels), limit, 5) for limit in sorted((one, two)))
    assert set(small.tolist()) <= set(large.tolist())
    assert len(small) == min(one, two, len(labels))
    counts: dict[int, int] = defaultdict(int)
    for index in small:
        counts[labels[index]] += 1
    if known:
        full = {label for label in set(labels) if counts[label] == labels.count(label)}
        rest = [counts[label] for label in set(labels) - full]
        assert not rest or max(rest) - min(rest) <= 1
        assert not full or not rest or max(counts[label] for label in full) <= max(rest) + 1


def test_choice_without_labels_and_at_the_ends() -> None:
    expected = sorted(np.random.RandomState([3]).permutation(20)[:7].tolist())
    assert choose(None, 20, 7, 3).tolist() == expected
    for limit in (0, -1, 20, 99):
        assert choose(None, 20, limit, 3).tolist() == list(range(20))
    with pytest.raises(AnalysisError, match="seed"):
        choose(None, 20, 5, -1)


@pytest.mark.parametrize("shape", [(40, 20, 3), (20, 40), (9, 9), (1000, 3, 3)])
def test_thumbnails_fit_and_are_colour(shape: tuple[int, ...]) -> None:
    picture = thumbnail(np.full(shape, 77, np.uint8), 16)
    assert max(picture.shape[:2]) == min(16, max(shape[:2]))
    assert picture.shape[2] == 3
    assert (picture == 77).all()
