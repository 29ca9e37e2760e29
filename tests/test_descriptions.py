"""Requests, edits and records: JSON in and out, clear refusals, fingerprints that follow the answer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.catalogue import MethodInfo, Param, nearest
from analysis.config import LayerSpec, matching
from analysis.edits import Edits
from analysis.problems import AnalysisError
from analysis.records import RecordError, from_plain, to_plain
from analysis.request import Compute, ImageSource, ModelSource, Request

INFO = MethodInfo(
    "m", "M", "Measures.", params=(
        Param("rtol", 0.0, "Tolerance", low=0, high=1),
        Param("count", 3, "Number", low=1, high=9),
        Param("mode", "a", "Mode", choices=("a", "b")),
        Param("live", False, "Refine while it runs", shapes_result=False),
        Param("table", "", "Table to read", reads=True),
    ),
)  # fmt: skip

words = st.text(st.characters(codec="utf-8"), max_size=8)
requests = st.builds(
    Request,
    method=words,
    model=st.none() | st.builds(ModelSource, name=words, weights=st.lists(words, max_size=2).map(tuple)),
    images=st.none() | st.builds(ImageSource, location=words, mean=st.lists(st.floats(0, 1)).map(tuple)),
    edits=st.builds(
        Edits, removed=st.lists(words).map(tuple), widths=st.lists(st.tuples(words, st.integers())).map(tuple)
    ),
    params=st.lists(
        st.tuples(words, st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words)
    ).map(tuple),
    seed=st.integers(0, 2**31),
    compute=st.builds(Compute, device=words, threads=st.integers(0, 8)),
)


@given(requests)
def test_a_request_survives_json(request: Request) -> None:
    assert Request.from_json(request.to_json()) == request


def test_values_keep_their_type() -> None:
    request = Request("m", params=(("a", True), ("b", 1), ("c", 1.0), ("d", "1")))
    read = dict(Request.from_json(request.to_json()).params)
    assert [type(value) for value in read.values()] == [bool, int, float, str]


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ([], "should be an object, not a list"),
        ({}, "lacks the field 'method'"),
        ({"method": 1}, "method should be text, not 1"),
        ({"method": "m", "seed": True}, "seed should be a whole number"),
        ({"method": "m", "sed": 1}, "has no field 'sed'"),
        ({"method": "m", "model": {"name": "x", "weights": "w"}}, "weights should be a list"),
        ({"method": "m", "edits": {"widths": [["a"]]}}, "should have 2 entries"),
    ],
)
def test_a_damaged_request_names_the_place(plain: object, words: str) -> None:
    with pytest.raises(AnalysisError, match=words):
        Request.from_json(json.dumps(plain))


def test_whole_numbers_may_stand_for_numbers() -> None:
    assert from_plain(Param, to_plain(Param("a", 0.5, "h")) | {"low": 0}).low == 0.0


def test_missing_required_fields_are_named() -> None:
    with pytest.raises(RecordError, match="lacks the field 'kind'"):
        from_plain(LayerSpec, {"name": "conv1"})


BASE = Request(
    "m", ModelSource("/a/net.py:make", ("/a/w.pt",)), ImageSource("/a/pictures"), params=(("rtol", 0.5),), seed=1
)
SAME = {"weights": "w", "samples": "s"}


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, model=ModelSource("/b/net.py:make", ("/b/other.pt",), trust=True)),
        replace(BASE, images=ImageSource("/b/pictures")),
        replace(BASE, compute=Compute(threads=7)),
        replace(BASE, params=(("rtol", 0.5), ("count", 3))),
        replace(BASE, params=(("live", True), ("rtol", 0.5))),
    ],
)
def test_what_cannot_change_the_answer_leaves_the_fingerprint(other: Request) -> None:
    assert other.fingerprint(INFO, SAME) == BASE.fingerprint(INFO, SAME)


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, model=ModelSource("/a/net.py:make2")),
        replace(BASE, params=(("rtol", 0.25),)),
        replace(BASE, seed=2),
        replace(BASE, limit=5),
        replace(BASE, layers="conv*"),
        replace(BASE, edits=Edits(removed=("layer1.0",))),
        replace(BASE, images=ImageSource("/a/pictures", grey=True)),
        replace(BASE, compute=Compute("cuda:0")),
        replace(BASE, compute=Compute(dtype="float64")),
    ],
)
def test_what_can_change_the_answer_changes_the_fingerprint(other: Request) -> None:
    assert other.fingerprint(INFO, SAME) != BASE.fingerprint(INFO, SAME)


def test_content_and_version_change_the_fingerprint() -> None:
    first = BASE.fingerprint(INFO, SAME)
    assert BASE.fingerprint(INFO, SAME | {"weights": "other"}) != first
    assert BASE.fingerprint(replace(INFO, version=2), SAME) != first


def test_pictures_per_batch_count_where_they_decide_the_answer() -> None:
    other = replace(BASE, compute=Compute(batch=64))
    assert other.fingerprint(INFO, SAME) == BASE.fingerprint(INFO, SAME)
    training = replace(INFO, by_batch=True)
    assert other.fingerprint(training, SAME) != BASE.fingerprint(training, SAME)


def test_the_number_of_a_gpu_leaves_the_fingerprint() -> None:
    one, two = (replace(BASE, compute=Compute(f"cuda:{i}")) for i in range(2))
    assert one.fingerprint(INFO, SAME) == two.fingerprint(INFO, SAME)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"rtoll": "1"}, "no parameter 'rtoll'"),
        ({"rtol": "2"}, "outside its limits"),
        ({"rtol": "much"}, "should be a number"),
        ({"count": "2.5"}, "should be a whole number"),
        ({"mode": "c"}, "not a value of mode"),
        ({"live": "perhaps"}, "Choose yes or no|not a value of live"),
    ],
)
def test_a_wrong_parameter_is_one_sentence(given_: dict[str, str], words: str) -> None:
    with pytest.raises(AnalysisError, match=words):
        INFO.values(dict(given_))


def test_parameters_are_read_from_text() -> None:
    assert INFO.values({"rtol": "1e-3", "count": "4", "mode": "b", "live": "yes"}) == {
        "rtol": 1e-3,
        "count": 4,
        "mode": "b",
        "live": True,
        "table": "",
    }


def test_the_nearest_words_come_first() -> None:
    assert nearest("layer1.0.conv", ["fc", "layer1.0.conv1", "conv1"]).startswith("Did you mean layer1.0.conv1")
    assert nearest("zzz", ["a", "b"]) == "Choose from a, b."


def test_patterns_select_layers_in_order() -> None:
    layers = tuple(LayerSpec(name, "conv") for name in ("conv1", "a.conv1", "a.conv2", "fc"))
    assert [layer.name for layer in matching(layers, "fc, a.*")] == ["a.conv1", "a.conv2", "fc"]
    assert matching(layers, "CONV1") == ()


@pytest.mark.parametrize(
    ("value", "file"),
    [
        ("", ""), ("a/t.csv", "a/t.csv"), ("a/t.csv:size", "a/t.csv"), ("a/t.csv:x/y", "a/t.csv"), ("C:t", "C:t"),
        ("C:/a/t.npz:size", "C:/a/t.npz"),
    ],
)  # fmt: skip
def test_a_parameter_that_reads_names_its_file(value: str, file: str) -> None:
    assert Param("table", "", "Table to read", reads=True).file_of(value) == file
    assert Param("table", "", "Table to read").file_of(value) == ""


def test_the_folder_of_a_table_is_no_part_of_the_answer() -> None:
    here, there, other = (
        Request("m", params=(("table", name),)).fingerprint(INFO, {})
        for name in ("a/t.csv:size", "/b/t.csv:size", "a/t.csv:age")
    )
    assert here == there != other
