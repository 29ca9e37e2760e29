"""The copied line: exactly the flags of the command line, and reading it gives the same request."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analysis.command_line import command_line, needs_file
from analysis.commands import run
from analysis.commands.run import _request
from analysis.edits import Edits
from analysis.request import Compute, ImageSource, ModelSource, Request

FULL = Request(
    "feature_rank",
    ModelSource("auto", ("/a b/c'd.pth", "e.pth"), (3, 32, 32), True, True),
    ImageSource("/pic tures", "/names.txt", (0.485, -0.5, 1e-7), (0.229, 0.224, 0.225), (32, 48), "bicubic", True),
    params=(("centred", True), ("energy", 0.95), ("groups", 4), ("mode", "pooled")),
    layers="layer1.*, *.conv2",
    limit=-1,
    seed=7,
    compute=Compute("cuda:1", "float64", True, 3, 16),
)


def read_back(line: str) -> Request:
    """Read a line with the command line's own parser."""
    words = shlex.split(line)
    assert words[:4] == ["python", "-m", "analysis", "run"]
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    return _request(parser.parse_args(words[4:]))


def as_text(request: Request) -> Request:
    """The command line reads parameters as texts; the method turns them into values."""
    texts = tuple(
        (name, {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value))
        for name, value in request.params
    )
    return replace(request, params=texts)


def test_full_request_survives() -> None:
    assert read_back(command_line(FULL, "/my runs")) == as_text(FULL)


def test_line_is_as_documented() -> None:
    assert command_line(FULL, "/my runs") == (
        "python -m analysis run feature_rank --model auto --weights '/a b/c'\"'\"'d.pth' e.pth --input 3,32,32 --trust "
        "--download --images '/pic tures' --classes /names.txt --mean 0.485,-0.5,1e-07 --std 0.229,0.224,0.225 "
        "--size 32,48 --interpolation bicubic --grey --layers 'layer1.*, *.conv2' --set centred=yes --set energy=0.95 "
        "--set groups=4 --set mode=pooled --limit -1 --seed 7 --device cuda:1 --dtype float64 --channels-last "
        "--threads 3 --batch 16 --out '/my runs'"
    )


def test_what_is_usual_is_left_out() -> None:
    assert command_line(Request("structure", ModelSource("demo:fashion_resnet"))) == (
        "python -m analysis run structure --model demo:fashion_resnet --out runs"
    )


names = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=9)
requests = st.builds(
    Request,
    st.just("feature_rank"),
    st.builds(ModelSource, names, st.lists(names, max_size=3).map(tuple), trust=st.booleans(), download=st.booleans()),
    st.none()
    | st.builds(
        ImageSource,
        names,
        mean=st.lists(st.floats(-9, 9), min_size=1, max_size=3).map(tuple),
        std=st.lists(st.floats(1e-9, 9), max_size=3).map(tuple),
        grey=st.sampled_from([None, True]),
    ),
    layers=st.text("abc.*,- ", max_size=9),
    limit=st.integers(-1, 99),
    seed=st.integers(0, 99),
)


@given(requests)
def test_any_request_survives(request: Request) -> None:
    assume(not needs_file(request))
    again = read_back(command_line(request, "-odd"))
    model = request.model
    assert model is not None
    assert again.model is not None
    # A dash at the beginning of a file name has to be hidden from the parser.
    weights = tuple(f"./{name}" if name.startswith("-") else name for name in model.weights)
    assert again == replace(request, model=replace(model, weights=weights))


@pytest.mark.parametrize(
    "request_",
    [
        replace(FULL, edits=Edits(removed=("layer1.0",))),
        replace(FULL, images=ImageSource("p", grey=False)),
        replace(FULL, layers="--"),
    ],
)
def test_what_flags_cannot_say_goes_into_a_file(request_: Request) -> None:
    assert needs_file(request_)
    assert not needs_file(FULL)
    assert command_line(request_, "runs", "/a b.json") == "python -m analysis run '/a b.json' --out runs"
