"""Options, families, names and bounds of configurations, against the counts of the source and by hand."""

from __future__ import annotations

import pytest

from analysis.measures.configurations import (
    FAMILIES,
    Option,
    Space,
    SwitchPoint,
    enumerate_space,
    map_sizes,
    options_of,
    read_points,
    stride_bounds,
)
from analysis.problems import AnalysisError


def points(sides: tuple[int, ...], first: int) -> tuple[SwitchPoint, ...]:
    """Switch points with 3 x 3 kernels and maps of these sides; the first has stride 1."""
    found, before = [], first
    for number, side in enumerate(sides):
        stride = (1, 1) if before == side else (2, 2)
        found.append(SwitchPoint(f"p{number}", (3, 3), stride, (1, 1), (before, before), (side, side)))
        before = side
    return tuple(found)


RESNET50 = points((56, 28, 14, 7), 56)
CIFAR = points((32, 16, 8), 32)


def space(several: tuple[SwitchPoint, ...], family: str, side: int) -> Space:
    options = [options_of(point, FAMILIES[family]) for point in several]
    return enumerate_space(several, options, (side, side), several[-1].output_map)


@pytest.mark.parametrize(
    ("family", "raw", "valid"),
    [
        ("stride_full", 2401, 328),
        ("stride_down", 256, 196),
        ("stride_square", 81, 22),
        ("dilation5", 625, 625),
        ("kernel9", 625, 625),
        ("dilation3", 81, 81),
        ("kernel7", 81, 81),
    ],
)
def test_counts_of_four_points_at_224_pixels(family: str, raw: int, valid: int) -> None:
    found = space(RESNET50, family, 224)
    assert len(found.configurations) == valid
    assert len(found.configurations) + len(found.dropped) == raw


def test_cifar_networks_have_three_points() -> None:
    assert len(space(CIFAR, "dilation3", 32).configurations) == 27
    assert len(space(CIFAR, "stride_square", 32).configurations) == 13


def test_bounds_reproduce_the_table_of_resnet50() -> None:
    assert [bound[0] for bound in stride_bounds(RESNET50, (224, 224))] == [(4, 64), (4, 64), (8, 64), (8, 64)]


def test_identity_comes_first_and_names_are_canonical() -> None:
    assert space(RESNET50, "stride_full", 224).names[:3] == (
        "stride:K1|D2|D2|D2",
        "stride:K1|D2|D2|DV",
        "stride:K1|D2|D2|DH",
    )
    names = space(RESNET50, "dilation3", 224).names
    assert names[0] == "dil:1|1|1|1"
    assert names[-1] == "dil:3|3|3|3"
    assert space(RESNET50, "kernel7", 224).names[:2] == ("ker:3|3|3|3", "ker:3|3|3|5")
    assert len(set(names)) == len(names)


def test_configurations_are_sorted() -> None:
    found = space(RESNET50, "stride_full", 224).configurations
    assert list(found) == sorted(found)


def test_every_option_is_listed_once() -> None:
    for point in RESNET50:
        several = options_of(point, FAMILIES["stride_full"])
        assert len(several) == 7
        assert several[0].size == point.stride


@pytest.mark.parametrize("word", ["dil1", "dil3", "ker9", "strideD2", "strideK1", "strideUV", "strideS4x4", "dil2x1"])
def test_words_are_read_back(word: str) -> None:
    assert Option.read(word).word == word


@pytest.mark.parametrize("word", ["", "dil", "dil0", "stride", "strideX", "strideS0x1", "pad3"])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(AnalysisError, match="no geometry"):
        Option.read(word)


def test_points_with_options_of_their_own() -> None:
    found = read_points("layer3.0.conv1:dil1,2,3; layer4.0.conv1:strideD2,K1;conv:0")
    assert found == {
        "layer3.0.conv1": ("dil1", "dil2", "dil3"),
        "layer4.0.conv1": ("strideD2", "strideK1"),
        "conv:0": (),
    }
    mixed = [options_of(p, w) for p, w in zip(RESNET50[2:], list(found.values())[:2], strict=True)]
    names = enumerate_space(RESNET50[2:], mixed, (224, 224), (7, 7)).names
    assert names[0] == "mixed:dil1|strideD2"
    assert set(names) > {"mixed:dil3|strideK1"}


def test_two_families_at_one_point_are_refused() -> None:
    with pytest.raises(AnalysisError, match="several families"):
        options_of(RESNET50[0], ("dil2", "strideD2"))
    with pytest.raises(AnalysisError, match="twice"):
        read_points("a:dil2;a:dil3")


@pytest.mark.parametrize(
    ("tokens", "sizes"),
    [
        (("K1", "D2", "D2", "D2"), [(56, 56), (28, 28), (14, 14), (7, 7)]),
        (("D2", "D2", "D2", "D2"), [(28, 28), (14, 14), (7, 7), (4, 4)]),
        (("K1", "DV", "DH", "D2"), [(56, 56), (28, 56), (28, 28), (14, 14)]),
        (("U2", "D2", "D2", "D2"), [(112, 112), (56, 56), (28, 28), (14, 14)]),
    ],
)
def test_map_sizes(tokens: tuple[str, ...], sizes: list[tuple[int, int]]) -> None:
    assert list(map_sizes(RESNET50, [Option.read(f"stride{token}") for token in tokens])) == sizes


def test_dilation_and_kernel_change_no_map() -> None:
    for word in ("dil5", "ker9"):
        assert map_sizes(RESNET50, [Option.read(word)] * 4) == tuple(point.output_map for point in RESNET50)


def test_too_many_configurations_are_refused() -> None:
    several = points((64,) * 8, 64)
    with pytest.raises(AnalysisError, match="configurations"):
        space(several, "dilation5", 64)
