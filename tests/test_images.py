"""Batches of pictures: preparation against hand-worked values and another library, order, labels, broken pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from analysis.images import Batch, Images, images_from, open_images, prepare, with_overrides
from analysis.networks import CifarResNet
from analysis.pictures import PictureSet, choose, open_pictures
from analysis.problems import AnalysisError
from analysis.request import ImageSource, Preprocessing

CPU = torch.device("cpu")
RANDOM = np.random.default_rng(0)
PLAIN = Preprocessing()
COLOUR = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def images(
    content: np.ndarray, way: Preprocessing = PLAIN, channels: int = 3, batch: int = 4, **more: object
) -> Images:
    pictures = PictureSet("x", content)
    shape = (channels, 8, 8)
    return Images(pictures, np.arange(len(content)), way, shape, CPU, torch.float32, batch, **more)


def opened(location: Path | str, way: Preprocessing = PLAIN, limit: int = 0, **said: object) -> Images:
    source = ImageSource(str(location), **said)
    return open_images(source, way, (3, 8, 8), (), limit, 0, CPU, torch.float32, 4)


def pixels(source: Images, **how: int) -> torch.Tensor:
    return torch.cat([batch.pixels for batch in source.batches(**how)])


# ---- preparing -------------------------------------------------------------------------------------------------------


def test_numbers_worked_out_by_hand() -> None:
    picture = np.array([[[0, 51, 255], [102, 204, 153]]], np.uint8)
    found = prepare(picture, Preprocessing(mean=(0.0, 0.2, 0.5), std=(1.0, 0.5, 0.25)), 3)
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array([[[0.0, 0.4]], [[0.0, 1.2]], [[2.0, 0.4]]]), abs=1e-6)


def test_colours_become_grey_by_weights_and_grey_is_repeated() -> None:
    picture = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 10, 10]]], np.uint8)
    grey = prepare(picture, PLAIN, 1)
    assert grey.shape == (1, 1, 4)
    assert grey[0, 0] * 255 == pytest.approx([76.245, 149.685, 29.07, 10], abs=0.51)
    assert np.array_equal(prepare(picture, Preprocessing(grey=True), 3), np.repeat(grey, 3, 0))
    assert np.array_equal(prepare(picture[..., 0], PLAIN, 3)[2], picture[..., 0] / np.float32(255))


def test_size_and_crop_keep_the_centre() -> None:
    picture = np.zeros((8, 16), np.uint8)
    picture[:, 4:12] = 100
    picture[2:6, 6:10] = 200
    whole = prepare(picture, Preprocessing(size=(8, 8)), 1) * 255
    assert whole[0].round().astype(int).tolist() == picture[:, 4:12].tolist(), "the shorter side already fits"
    half = prepare(picture, Preprocessing(size=(4, 4), crop=0.5), 1) * 255
    assert np.allclose(half, 200), "the central half of the shorter side"
    wide = prepare(picture, Preprocessing(size=(4, 8), interpolation="nearest"), 1) * 255
    assert wide.shape == (1, 4, 8)
    assert (wide[0, 1] == [0, 0, 100, 200, 200, 100, 0, 0]).all()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(1, 20), st.floats(0.3, 1), st.booleans())
def test_every_picture_gets_the_size_and_keeps_its_range(
    high: int, wide: int, out_high: int, out_wide: int, crop: float, colour: bool
) -> None:
    picture = RANDOM.integers(50, 61, (high, wide, 3) if colour else (high, wide), dtype=np.uint8)
    way = Preprocessing(size=(out_high, out_wide), crop=crop)
    found = prepare(picture, way, 3)
    assert found.shape == (3, out_high, out_wide)
    assert found.min() * 255 >= 50 - 1e-3
    assert found.max() * 255 <= 60 + 1e-3


def test_a_very_long_picture_needs_no_more_memory_than_its_crop() -> None:
    picture = np.tile(np.linspace(0, 255, 60_000).astype(np.uint8), (3, 1))
    picture[:, 30_010:] = 0
    found = prepare(picture, Preprocessing(size=(224, 224)), 1) * 255
    assert abs(found - 127).max() < 1.01, "the middle, where the ramp has its middle"
    square = prepare(picture[:, 29_998:30_001], Preprocessing(size=(224, 224)), 1) * 255
    assert abs(found - square).max() < 1.01


@pytest.mark.zoo
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize(("high", "wide"), [(375, 500), (333, 77), (256, 256), (20, 31), (224, 224)])
def test_preparing_equals_torchvision(high: int, wide: int, interpolation: str) -> None:
    from torchvision import transforms

    smooth = Image.fromarray(RANDOM.integers(0, 256, (high // 4 + 1, wide // 4 + 1, 3), dtype=np.uint8))
    picture = np.asarray(smooth.resize((wide, high), Image.Resampling.BICUBIC))
    way = Preprocessing(COLOUR.mean, COLOUR.std, (224, 224), interpolation, 0.875)
    oracle = transforms.Compose(
        [
            transforms.Resize(256, transforms.InterpolationMode(interpolation)),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(way.mean, way.std),
        ]
    )
    assert np.array_equal(prepare(picture, way, 3), oracle(Image.fromarray(picture)).numpy())


@pytest.mark.zoo
def test_grey_equals_torchvision() -> None:
    from torchvision import transforms

    picture = RANDOM.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    oracle = transforms.Compose([transforms.Grayscale(3), transforms.ToTensor()])
    assert np.array_equal(prepare(picture, Preprocessing(grey=True), 3), oracle(Image.fromarray(picture)).numpy())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("content", [RANDOM.integers(0, 256, (7, 8, 8, 3)), RANDOM.integers(0, 256, (7, 8, 8))])
@pytest.mark.parametrize(
    "way", [PLAIN, Preprocessing((0.4,), (0.3,)), Preprocessing(size=(5, 6)), Preprocessing(size=(8, 8), grey=True)]
)
def test_batches_equal_single_pictures_bit_for_bit(content: np.ndarray, way: Preprocessing, channels: int) -> None:
    content = content.astype(np.uint8)
    expected = np.stack([prepare(picture, way, channels) for picture in content])
    assert np.array_equal(pixels(images(content, way, channels)).numpy(), expected)


# ---- what a user says ------------------------------------------------------------------------------------------------


def test_what_the_user_says_replaces_what_the_network_says() -> None:
    network = Preprocessing((0.5,), (0.2,), (32, 32), "bicubic", 0.9, False, "network")
    assert with_overrides(network, ImageSource("x")) is network
    changed = with_overrides(network, ImageSource("x", mean=(0.1,), size=(64,), grey=True))
    assert changed == Preprocessing((0.1,), (0.2,), (64, 64), "bicubic", 0.9, True, "user")
    assert with_overrides(changed, ImageSource("x", grey=False, interpolation="nearest")).grey is False


@pytest.mark.parametrize(
    ("way", "channels", "says"),
    [
        (Preprocessing(mean=(0.1, 0.2, 0.3)), 1, "--mean"),
        (Preprocessing(std=(0.1, 0.2)), 3, "--std"),
        (Preprocessing(std=(0.0,)), 3, "--std"),
        (Preprocessing(std=(float("nan"),)), 3, "--std"),
        (Preprocessing(size=(32,)), 3, "--size"),
        (Preprocessing(size=(0, 32)), 3, "--size"),
        (Preprocessing(size=(10**6, 10**6)), 3, "--size"),
        (Preprocessing(interpolation="bicubik"), 3, "bicubic"),
        (Preprocessing(crop=0.0), 3, "crop"),
        (PLAIN, 4, "4 channels"),
    ],
)
def test_impossible_preparation_is_refused_before_any_picture_is_read(
    way: Preprocessing, channels: int, says: str
) -> None:
    with pytest.raises(AnalysisError) as error:
        images(np.zeros((1, 8, 8), np.uint8), way, channels)
    assert says in f"{error.value} {error.value.hint}"


def test_means_of_bytes_are_refused_with_the_right_line() -> None:
    with pytest.raises(AnalysisError) as error:
        with_overrides(PLAIN, ImageSource("x", mean=(127.0,), std=(128.0,)))
    assert "--mean 0.498039 --std 0.501961" in error.value.hint


# ---- batches ---------------------------------------------------------------------------------------------------------


def test_order_labels_and_sizes_of_batches() -> None:
    content = np.arange(10, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    pictures = PictureSet("x", content, np.arange(10) % 3)
    chosen = Images(
        pictures, np.array([1, 3, 5, 7, 9]), PLAIN, (1, 2, 2), CPU, torch.float64, 2, labels=np.arange(10) % 3
    )
    assert len(chosen) == 3
    assert chosen.count == 5
    assert chosen.labels is not None
    assert chosen.labels.tolist() == [1, 0, 2, 1, 0]
    batches = list(chosen)
    assert [batch.index.tolist() for batch in batches] == [[0, 1], [2, 3], [4]]
    order = np.array([4, 0, 0, 2])
    batch = next(chosen.batches(order, size=4))
    assert isinstance(batch, Batch)
    assert batch.index.tolist() == order.tolist()
    assert batch.labels is not None
    assert batch.labels.tolist() == [0, 1, 1, 2]
    assert batch.pixels.dtype == torch.float64
    assert (batch.pixels[:, 0, 0, 0] * 255).round().tolist() == [9, 1, 1, 5]
    assert len(list(chosen.batches(np.empty(0, np.int64)))) == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_type_and_memory_format(dtype: torch.dtype) -> None:
    pictures = PictureSet("x", RANDOM.integers(0, 256, (2, 4, 4, 3), dtype=np.uint8))
    for last in (False, True):
        source = Images(pictures, np.arange(2), COLOUR, (3, 4, 4), CPU, dtype, 2, channels_last=last)
        batch = next(iter(source)).pixels
        assert batch.dtype == dtype
        assert batch.is_contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)


def test_unreadable_pictures_make_batches_smaller_and_are_named(tmp_path: Path) -> None:
    for number in range(6):
        folder = tmp_path / f"{number % 2}"
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8), number, np.uint8)).save(folder / f"{number}.png")
    (tmp_path / "0" / "2.png").write_bytes(b"")
    (tmp_path / "1" / "1.png").write_bytes(b"no picture")
    source = opened(tmp_path)
    for _ in range(2):
        batches = list(source.batches(size=3))
        assert [batch.index.tolist() for batch in batches] == [[0, 2], [4, 5]]
        assert [batch.labels.tolist() for batch in batches if batch.labels is not None] == [[0, 0], [1, 1]]
        assert (torch.cat([batch.pixels for batch in batches])[:, 0, 0, 0] * 255).round().tolist() == [0, 4, 3, 5]
    assert [line.partition(":")[0] for line in source.skipped] == ["0/2.png", "1/1.png"]
    assert source.count == 6
    assert [batch.index.tolist() for batch in source.batches(size=1)] == [[0], [2], [4], [5]]


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(AnalysisError, match="None of the pictures") as error:
        list(opened(tmp_path))
    assert error.value.items[0].startswith("a.png")


@pytest.mark.parametrize("size", [1, 4])
def test_different_sizes_ask_for_a_size(tmp_path: Path, size: int) -> None:
    for number, side in enumerate((8, 8, 9)):
        Image.fromarray(np.zeros((side, 8), np.uint8)).save(tmp_path / f"{number}.png")
    with pytest.raises(AnalysisError, match="8 x 8 and 8 x 9") as error:
        list(opened(tmp_path).batches(size=size))
    assert "--size 8,8" in error.value.hint
    assert pixels(opened(tmp_path, size=(6, 6))).shape == (3, 3, 6, 6)


def test_grey_and_colour_files_go_together(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 10, np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.full((8, 8, 3), 20, np.uint8)).save(tmp_path / "b.png")
    assert (pixels(opened(tmp_path))[:, :, 0, 0] * 255).round().tolist() == [[10] * 3, [20] * 3]


def test_a_folder_and_an_archive_of_the_same_pictures_agree(tmp_path: Path) -> None:
    content = RANDOM.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    labels = np.array([0, 0, 0, 1, 1, 1])
    for number, picture in enumerate(content):
        (tmp_path / "set" / str(labels[number])).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "set" / str(labels[number]) / f"{number}.png")
    np.savez(tmp_path / "set.npz", images=content, labels=labels)
    folder, archive = opened(tmp_path / "set", COLOUR, limit=4), opened(tmp_path / "set.npz", COLOUR, limit=4)
    assert folder.indices.tolist() == archive.indices.tolist() == choose(labels, 6, 4, 0).tolist()
    assert torch.equal(pixels(folder), pixels(archive))
    assert folder.samples.count == 4
    assert folder.samples.total == 6
    assert folder.samples.classes == ("0", "1")


def test_samples_change_with_choice_and_labels_only() -> None:
    def hashed(limit: int, seed: int = 0, **said: object) -> str:
        source = ImageSource("demo:test", **said)
        return open_images(source, PLAIN, (1, 28, 28), (), limit, seed, CPU, torch.float32, 4).samples.sha256

    assert hashed(20) == hashed(20, mean=(0.5,))
    assert len({hashed(20), hashed(21), hashed(20, seed=1)}) == 3


def test_noise_has_the_shape_of_the_network_and_is_not_smoothed() -> None:
    way = Preprocessing(size=(12, 10), crop=0.5, source="network")
    source = opened("noise:3", way)
    assert np.array_equal(
        (pixels(source)[1] * 255).round().byte().permute(1, 2, 0).numpy(),
        open_pictures("noise:3", (3, 12, 10)).picture(1),
    )
    assert source.labels is None
    assert opened("noise:3").samples.sha256 != opened("noise:4").samples.sha256


def test_labels_outside_the_network_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 8, 8), np.uint8), labels=[0, 12])
    source = ImageSource(str(tmp_path / "a.npz"))
    with pytest.raises(AnalysisError, match="label 12"):
        open_images(source, PLAIN, (1, 8, 8), (), 0, 0, CPU, torch.float32, 4, outputs=10)


def test_labels_that_fit_no_output_are_left_out_for_those_who_can_do_without(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((6, 8, 8), np.uint8), labels=[30, 30, 30, 30, 30, 31])
    (tmp_path / "names.txt").write_text("ant\nbee\n", encoding="utf-8")

    def made(outputs: int, **said: str) -> Images:
        source = ImageSource(str(tmp_path / "a.npz"), **said)
        return open_images(
            source, PLAIN, (1, 8, 8), (), 2, 0, CPU, torch.float32, 4, outputs=outputs, labelled=False
        )  # fmt: skip

    found = made(10)
    assert found.labels is None
    assert next(iter(found)).labels is None
    assert "labels 30, 31" in str(found.unfit)
    fitting = made(40)
    assert fitting.unfit is None
    assert fitting.labels is not None
    assert fitting.labels.tolist() == [30, 31]
    assert found.indices.tolist() == fitting.indices.tolist(), "picked from the classes in turn all the same"
    assert found.samples.sha256 != fitting.samples.sha256, "labels are part of the answer"
    with pytest.raises(AnalysisError, match="has only 2 lines"):
        made(10, classes=str(tmp_path / "names.txt"))  # who says which is which is told that it does not fit


def test_idx_pictures_become_tensors_without_remarks(tmp_path: Path) -> None:
    content = RANDOM.integers(0, 256, (5, 8, 8), dtype=np.uint8)
    head = bytes((0, 0, 8, 3)) + np.array(content.shape, ">u4").tobytes()
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(head + content.tobytes())
    for size in ((), (4, 4)):
        assert len(pixels(opened(tmp_path, size=size))) == 5


# ---- pictures of a notebook ------------------------------------------------------------------------------------------


def test_tensors_arrays_and_loaders_are_the_same_pictures() -> None:
    x, y = torch.randn(5, 2, 3, 3), torch.tensor([0, 1, 2, 0, 1])
    net = nn.Conv2d(2, 1, 1).double()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=2)
    ways = [images_from(x, y, net, 2), images_from(x.numpy(), y.tolist(), net), images_from(loader, None, net)]
    for source in (*ways, images_from([x[:3], x[3:]], y, net)):
        assert source.input_shape == (2, 3, 3)
        assert torch.equal(pixels(source), x.double())
        assert source.labels is not None
        assert source.labels.tolist() == y.tolist()
        assert source.samples.sha256 == ways[0].samples.sha256
    assert next(ways[0].batches(np.array([4, 1]))).index.tolist() == [4, 1]
    assert images_from(x).samples.sha256 != ways[0].samples.sha256
    assert images_from(x).labels is None


@pytest.mark.parametrize(
    ("content", "labels", "says"),
    [
        (torch.zeros(3, 4, 4), None, "shape (3, 4, 4)"),
        (torch.zeros(0, 3, 4, 4), None, "shape (0, 3, 4, 4)"),
        (np.zeros((2, 3, 4, 4), np.uint8), None, "uint8"),
        (7, None, "int"),
        ([], None, "no pictures"),
        ([torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 5, 5)], None, "different sizes"),
        (["a.png"], None, "type str"),
        (torch.zeros(2, 3, 4, 4), [1], "labels have the shape (1,)"),
        (torch.zeros(2, 3, 4, 4), [1.0, 2.0], "float32"),
    ],
)
def test_what_is_no_picture_is_refused(content: object, labels: object, says: str) -> None:
    with pytest.raises(AnalysisError) as error:
        images_from(content, labels)
    assert says in str(error.value)
    assert error.value.hint


# ---- with trained weights --------------------------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.parametrize(("way", "right"), [(COLOUR, 915), (PLAIN, 401)])
def test_the_way_of_preparing_decides_the_accuracy(data: Path, way: Preprocessing, right: int) -> None:
    state = torch.load(data / "weights" / "resnet20-12fca82f.th", weights_only=True, map_location="cpu")["state_dict"]
    net = CifarResNet(20).eval()
    net.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
    source = ImageSource(str(data / "cifar10" / "cifar_test1000.npz"))
    found = open_images(source, way, (3, 32, 32), (), 0, 0, CPU, torch.float32, 100, outputs=10)
    assert found.samples.classes[0] == "airplane"
    with torch.no_grad():
        hits = sum(int((net(batch.pixels).argmax(1) == batch.labels).sum()) for batch in found)
    assert hits == right
