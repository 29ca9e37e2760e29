"""Files that hold pictures: every format, damaged and hostile ones among them."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from analysis import picture_files
from analysis.picture_files import UnreadablePicture, decode
from analysis.pictures import PictureSet, open_pictures
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


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def all_pictures(pictures: PictureSet) -> np.ndarray:
    return np.stack([pictures.picture(index) for index in range(len(pictures))])


@pytest.mark.parametrize("images", [COLOURS, GREYS, GREYS[..., None]], ids=["colour", "grey", "one channel"])
def test_npz_reads_pictures_labels_and_classes(tmp_path: Path, images: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(6, dtype=np.uint8), classes=["a", "b"])
    pictures = open_pictures(str(tmp_path / "a.npz"))
    assert np.array_equal(all_pictures(pictures), images.squeeze(-1) if images.shape[-1] == 1 else images)
    assert pictures.labels is not None
    assert pictures.labels.dtype == np.int64
    assert pictures.labels.tolist() == list(range(6))
    assert pictures.classes == ("a", "b")
    assert pictures.array is not None
    np.savez_compressed(tmp_path / "b.npz", images=images)
    assert open_pictures(str(tmp_path / "b.npz")).labels is None


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x_test": GREYS}, "no array 'images', but x_test"),
        ({"images": GREYS.astype(np.float32)}, "float32, not uint8"),
        ({"images": GREYS[0]}, "shape 5 x 4"),
        ({"images": COLOURS.transpose(0, 3, 1, 2)}, "shape 6 x 3 x 5 x 4"),
        ({"images": GREYS[:0]}, "shape 0 x 5 x 4"),
        ({"images": GREYS, "labels": np.arange(5)}, "6 pictures but 5 labels"),
        ({"images": GREYS, "labels": np.arange(6.0)}, "float64"),
        ({"images": GREYS, "labels": np.zeros((6, 1), int)}, "2 axes"),
        ({"images": GREYS, "labels": np.arange(6) - 1}, "outside 0"),
        ({"images": GREYS, "classes": np.arange(6)}, "not a list of names"),
        ({"images": np.array([None] * 6)}, "run code"),
        ({"images": GREYS, "classes": np.array(["a", None])}, "run code"),
    ],
)
def test_wrong_npz_files_are_refused_in_a_sentence(tmp_path: Path, arrays: dict[str, np.ndarray], says: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    assert says in refusal(tmp_path / "a.npz")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((100, 64, 64), np.uint8))
    monkeypatch.setattr(picture_files, "_MOST_BYTES", 100_000)
    assert (tmp_path / "a.npz").stat().st_size < 5_000
    assert "unpacks to more" in refusal(tmp_path / "a.npz")


def test_an_npz_that_promises_more_than_it_holds_is_damaged(tmp_path: Path) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 32, 32)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", head.getvalue() + b"\0" * 100)
    assert "a.npz" in refusal(tmp_path / "a.npz")


class TestCifar:
    """CIFAR python batches, as pickles of several ages write them."""

    data = RANDOM.integers(0, 256, (4, 3072), dtype=np.uint8)

    def write(self, path: Path, content: Any, protocol: int = 2) -> Path:
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        return path

    @pytest.mark.parametrize("protocol", range(6))
    def test_batch_of_every_protocol(self, tmp_path: Path, protocol: int) -> None:
        self.write(tmp_path / "test_batch", {b"data": self.data, b"labels": [3, 1, 0, 1], b"x": b"y"}, protocol)
        self.write(tmp_path / "batches.meta", {b"label_names": [b"ant", b"bee", b"cat", b"dog"]}, protocol)
        pictures = open_pictures(str(tmp_path))
        assert np.array_equal(all_pictures(pictures), self.data.reshape(4, 3, 32, 32).transpose(0, 2, 3, 1))
        assert pictures.labels is not None
        assert pictures.labels.tolist() == [3, 1, 0, 1]
        assert pictures.classes == ("ant", "bee", "cat", "dog")

    def test_batch_of_python_2(self, tmp_path: Path) -> None:
        # What Python 2 and an old NumPy wrote: short byte strings, and names of modules that NumPy has left behind.
        content = pickle.dumps({"data": self.data, "labels": [0, 1, 2, 3]}, protocol=2)
        head = (
            b"\x80\x02}q\x00(U\x04dataq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85"
        )
        head += (
            b"U\x01b\x87Rq\x04(K\x01K\x04M\x00\x0c\x86cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87Rq\x06(K\x03U\x01|NNN"
        )
        head += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        tail = b"tbU\x06labelsq\x07]q\x08(K\x03K\x01K\x00K\x01eu."
        raw = self.data.tobytes()
        assert content
        (tmp_path / "data_batch_1").write_bytes(head + b"T" + struct.pack("<I", len(raw)) + raw + tail)
        pictures = open_pictures(str(tmp_path / "data_batch_1"))
        assert np.array_equal(pictures.picture(2), self.data[2].reshape(3, 32, 32).transpose(1, 2, 0))
        assert pictures.labels is not None
        assert pictures.labels.tolist() == [3, 1, 0, 1]

    def test_cifar_100_has_fine_labels(self, tmp_path: Path) -> None:
        content = {b"data": self.data, b"fine_labels": [99, 1, 0, 1], b"coarse_labels": [1, 1, 1, 1]}
        self.write(tmp_path / "test", content)
        self.write(tmp_path / "train", content | {b"data": self.data[:1], b"fine_labels": [7]})
        pictures = open_pictures(str(tmp_path))
        assert pictures.labels is not None
        assert pictures.labels.tolist() == [99, 1, 0, 1]
        assert len(open_pictures(str(tmp_path / "train"))) == 1

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ({b"data": data.astype(np.int64)}, "no pictures of 32 x 32"),
            ({b"data": data[:, :100]}, "no pictures of 32 x 32"),
            ({b"data": data, b"labels": [1, 2]}, "4 pictures but 2 labels"),
            ({b"data": data, b"labels": [1, 2, 3, -4]}, "outside 0"),
            ({b"data": data, b"labels": ["1", 2, 3, 4]}, "float64"),
            ([1, 2], "damaged"),
            ({b"data": np.array([None])}, "damaged"),
        ],
    )
    def test_wrong_batches_are_refused(self, tmp_path: Path, content: Any, says: str) -> None:
        assert says in refusal(self.write(tmp_path / "test_batch", content))

    def test_damaged_batches_are_refused(self, tmp_path: Path) -> None:
        whole = pickle.dumps({b"data": self.data, b"labels": [0] * 4}, protocol=2)
        # The last one asks for a table of two thousand million entries.
        for broken in (whole[:-100], b"\x80\x02", b"\x80\xff.", b"\x80\x02K\x01r\xff\xff\xff\x7f."):
            (tmp_path / "test_batch").write_bytes(broken)
            assert "damaged" in refusal(tmp_path / "test_batch")

    @pytest.mark.parametrize("protocol", [0, 2, 4])
    def test_no_code_runs(self, tmp_path: Path, protocol: int) -> None:
        mark = tmp_path / "ran"

        class Payload:
            def __reduce__(self) -> tuple[Any, ...]:
                return os.mkdir, (str(mark),)

        path = self.write(tmp_path / "test_batch", {b"data": self.data, b"labels": Payload()}, protocol)
        assert "asks for" in refusal(path)
        assert not mark.exists()
        pickle.loads(path.read_bytes())
        assert mark.exists(), "the payload itself works"


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files(tmp_path: Path, packed: bool) -> None:
    end, write = (".gz", gzip.compress) if packed else ("", bytes)
    for part, images in (("t10k", GREYS[:3]), ("train", GREYS)):
        (tmp_path / f"{part}-images-idx3-ubyte{end}").write_bytes(write(idx(images)))
        labels = np.arange(len(images), dtype=np.uint8)
        (tmp_path / f"{part}-labels-idx1-ubyte{end}").write_bytes(write(idx(labels)))
    pictures = open_pictures(str(tmp_path))
    assert np.array_equal(all_pictures(pictures), GREYS[:3])
    assert pictures.labels is not None
    assert pictures.labels.tolist() == [0, 1, 2]
    assert len(open_pictures(str(tmp_path / f"train-images-idx3-ubyte{end}"))) == 6


@pytest.mark.parametrize(
    "content",
    [
        b"",
        idx(GREYS)[:-1],
        idx(GREYS) + b"x",
        idx(GREYS[0]),
        bytes((0, 0, 8, 3)) + b"\xff" * 12,
        bytes((0, 0, 9, 3)) + idx(GREYS)[4:],
    ],
    ids=["empty", "truncated", "too long", "two axes", "huge", "other type"],
)
def test_damaged_idx_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(content)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content)[:-3])
    assert "damaged" in refusal(tmp_path / "t10k-images-idx3-ubyte")
    assert "damaged" in refusal(tmp_path / "train-images-idx3-ubyte.gz")


class TestParquet:
    """Tables with encoded pictures."""

    def write(self, path: Path, columns: dict[str, Any], metadata: dict[str, str] | None = None) -> Path:
        arrow = pytest.importorskip("pyarrow")
        import pyarrow.parquet as parquet

        parquet.write_table(arrow.table(columns).replace_schema_metadata(metadata), path)
        return path

    def test_records_with_bytes_labels_and_names(self, tmp_path: Path) -> None:
        rows = [{"bytes": encoded(Image.fromarray(picture)), "path": "x.png"} for picture in COLOURS[:2]]
        names = '{"info": {"features": {"label": {"names": ["ant", "bee"]}}}}'
        path = self.write(
            tmp_path / "a.parquet", {"id": [7, 8], "image": rows, "label": [1, 0]}, {"huggingface": names}
        )
        pictures = open_pictures(str(path))
        assert np.array_equal(all_pictures(pictures), COLOURS[:2])
        assert pictures.labels is not None
        assert pictures.labels.tolist() == [1, 0]
        assert pictures.classes == ("ant", "bee")

    def test_plain_bytes_and_missing_pictures(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "a.parquet", {"img": [encoded(Image.fromarray(GREYS[0])), None]})
        pictures = open_pictures(str(path))
        assert pictures.labels is None
        assert np.array_equal(pictures.picture(0), GREYS[0])
        with pytest.raises(UnreadablePicture):
            pictures.picture(1)

    def test_wrong_tables(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "no column of pictures, but a" in refusal(self.write(tmp_path / "a.parquet", {"a": [1]}))
        assert "no label" in refusal(self.write(tmp_path / "b.parquet", {"i": [b"x", b"y"], "label": [1, None]}))
        assert "no whole numbers" in refusal(self.write(tmp_path / "c.parquet", {"i": [b"x"], "label": ["cat"]}))
        (tmp_path / "d.parquet").write_bytes(b"PAR1 nonsense PAR1")
        assert "damaged" in refusal(tmp_path / "d.parquet")
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        assert "pyarrow" in refusal(tmp_path / "a.parquet")


# ---- decoding --------------------------------------------------------------------------------------------------------


def test_modes_become_grey_or_colour() -> None:
    colour = Image.fromarray(COLOURS[0])
    with_alpha = colour.copy()
    with_alpha.putalpha(7)
    assert np.array_equal(decode(encoded(with_alpha)), COLOURS[0])
    grey = Image.fromarray(GREYS[0])
    assert np.array_equal(decode(encoded(grey)), GREYS[0])
    grey_alpha = grey.copy()
    grey_alpha.putalpha(9)
    assert np.array_equal(decode(encoded(grey_alpha)), GREYS[0])
    palette = colour.quantize(256)
    assert np.array_equal(decode(encoded(palette)), np.asarray(palette.convert("RGB")))
    assert np.array_equal(decode(encoded(palette, transparency=b"\0" * 5)), np.asarray(palette.convert("RGB")))
    bits = Image.fromarray(GREYS[0] > 127)
    assert np.array_equal(decode(encoded(bits)), np.where(GREYS[0] > 127, 255, 0))
    red = decode(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100))
    assert red.shape == (8, 8, 3)
    assert (red[..., 0] > 245).all()
    assert (red[..., 1:] < 10).all()


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    values = np.array([[0, 128, 129, 257], [300, 32768, 65000, 65535]], np.uint16)
    expected = np.rint(values / 257).astype(np.uint8)
    assert np.array_equal(decode(encoded(Image.fromarray(values))), expected)
    assert np.array_equal(decode(encoded(Image.fromarray(values), "TIFF")), expected)
    with pytest.raises(UnreadablePicture, match="16 bits"):
        decode(encoded(Image.fromarray(np.full((2, 2), 70_000, np.int32)), "TIFF"))
    with pytest.raises(UnreadablePicture, match="floating"):
        decode(encoded(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF"))


@pytest.mark.parametrize(("mark", "turned"), [(1, 0), (6, -1), (8, 1), (3, 2)])
def test_the_rotation_mark_is_applied(mark: int, turned: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = mark
    assert np.array_equal(decode(encoded(Image.fromarray(COLOURS[0]), exif=exif)), np.rot90(COLOURS[0], turned))


def test_of_an_animation_the_first_picture_counts() -> None:
    first, second = Image.new("L", (4, 4), 10), Image.new("L", (4, 4), 200)
    data = encoded(first, "GIF", save_all=True, append_images=[second])
    assert (decode(data) == 10).all()
    stereo = encoded(first, "MPO", save_all=True, append_images=[second])
    assert (decode(stereo) == 10).all()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = encoded(Image.fromarray(np.repeat(np.repeat(COLOURS[0], 9, 0), 9, 1)))
JPEG = encoded(Image.fromarray(RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8)), "JPEG")
BOMB = (
    PNG[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)) + chunk(b"IDAT", b"") + PNG[-12:]
)
BROKEN = {
    "empty.png": b"",
    "zeros.png": b"\0" * 500,
    "text.jpg": b"<html>Not found</html>",
    "truncated.png": PNG[: len(PNG) // 2],
    "truncated.jpg": JPEG[: len(JPEG) // 2],
    "bits.png": PNG[:60] + b"\xff\xff" + PNG[62:],
    "bomb.png": BOMB,
    "program.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_pictures_are_named_with_a_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(BROKEN[name])
    save(GREYS[0], tmp_path / "good.png")
    pictures = open_pictures(str(tmp_path))
    broken, good = (next(i for i in range(2) if pictures.name(i) == wanted) for wanted in (name, "good.png"))
    for _ in range(2):
        with pytest.raises(UnreadablePicture):
            pictures.picture(broken)
    assert np.array_equal(pictures.picture(good), GREYS[0])
    assert len(pictures.skipped) == 1
    assert pictures.skipped[0].startswith(f"{name}: it ")


@given(st.data())
def test_damage_anywhere_never_gets_past_the_decoder(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from([PNG, JPEG])))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = decode(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    except UnreadablePicture:
        return
    assert picture.dtype == np.uint8
    assert picture.ndim == 2 or picture.shape[2] == 3
