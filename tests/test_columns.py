"""A column of the user's own: what is read from tables, and grouping by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import engine
from analysis.events import Prepared
from analysis.measures.columns import read_column
from analysis.measures.findings import grouped
from analysis.problems import AnalysisError
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result


@pytest.mark.parametrize(
    ("name", "text", "title", "values"),
    [
        ("a.csv", "size\n1.5\n2\n3\n", "size", [1.5, 2, 3]),
        ("a.csv", "1\n2\n4\n", "a", [1, 2, 4]),
        ("a.csv", "file;light\nx;dark\ny;bright\nz;dark\n", "light", [1, 0, 1]),
        ("a.tsv", "place\tage\n2\t7\n0\t5\n", "age", [5, np.nan, 7]),
        ("a.csv", "\ufeffscore,rest\n1,a\n,b\n3,c\n", "rest", [0, 1, 2]),
        ("a.csv:score", "score,rest\n1,a\n,b\n3,c\n", "score", [1, np.nan, 3]),
    ],
)
def test_tables_are_read(name: str, text: str, title: str, values: list[float], tmp_path: Path) -> None:
    (tmp_path / name.partition(":")[0]).write_text(text, encoding="utf-8")
    found = read_column(str(tmp_path / name), 3)
    assert found[0] == title
    np.testing.assert_array_equal(found[1], values)


def test_arrays_are_read(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz", pictures=np.zeros((3, 2, 2)), light=np.array([3, 1, 2]), word=np.array(["b", "a", "b"])
    )
    assert read_column(str(tmp_path / "a.npz"), 3)[1].tolist() == [1, 0, 1]
    assert read_column(str(tmp_path / "a.npz:light"), 3)[1].tolist() == [3, 1, 2]
    np.save(tmp_path / "b.npy", np.arange(3.0))
    assert read_column(str(tmp_path / "b.npy"), 3)[1].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1\n2\n", "2 values, and the source 3 pictures"),
        ("place,x\n7,1\n", "about other pictures"),
        ("", "could not be read"),
        ("a,b\n1\n", "could not be read"),
        ("place,x\none,1\n", "could not be read"),
    ],
)
def test_a_table_that_does_not_fit_is_one_sentence(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(AnalysisError, match=words) as caught:
        read_column(str(tmp_path / "a.csv"), 3)
    assert caught.value.hint


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="could not be read"):
        read_column(str(tmp_path / "none.csv"), 3)


def test_an_array_with_objects_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([print, None, 3], dtype=object), allow_pickle=True)
    with pytest.raises(AnalysisError, match="could not be read"):
        read_column(str(tmp_path / "a.npy"), 3)


def test_a_grouping_that_decides_gains_and_a_shuffled_one_does_not() -> None:
    """Two groups, each with its own right configuration: the gain is the plain network's share of mistakes."""
    group = np.arange(400) % 2
    correct = np.stack([group == 0, group == 1], axis=1)
    gain, control = grouped(correct, group.astype(np.float64))
    assert gain[0] == pytest.approx(0.5)
    assert control[0] < 0.1
    unknown = np.where(np.arange(400) < 100, np.nan, group.astype(np.float64))
    assert grouped(correct, unknown)[0][0] == pytest.approx(0.5)


def run(**params: Any) -> Result:
    settings = {"points": "layer3.0.conv1:dil1,2"} | params
    request = Request("dynamic_configurations", ModelSource("demo:fashion_resnet"), ImageSource("demo:test"),
                      params=tuple(sorted(settings.items())), limit=110)  # fmt: skip
    return Result.of(engine.run(request))


def test_a_run_holds_the_column_of_its_pictures(tmp_path: Path) -> None:
    total = 2000
    plain = run()
    assert plain.prepared is not None
    total = plain.prepared.samples.total
    (tmp_path / "own.csv").write_text("\n".join(["shade", *(str(number % 2) for number in range(total))]))
    found = run(column=str(tmp_path / "own.csv"))
    assert found.prepared is not None
    assert found.prepared.indices is not None
    np.testing.assert_array_equal(found["column"], found.prepared.indices % 2)
    assert found.output("column").title == "shade"
    measures = dict(zip(found.names("measure"), found["summary"], strict=True))
    assert np.isfinite(measures["static gain by column"])
    assert np.isnan(dict(zip(plain.names("measure"), plain["summary"], strict=True))["static gain by column"])


def fingerprint(column: Path, name: str = "") -> str:
    """Fingerprint of a run that groups by a column; nothing is measured."""
    settings = (("column", f"{column}{name}"), ("points", "layer3.0.conv1:dil1,2"))
    request = Request(
        "dynamic_configurations", ModelSource("demo:fashion_resnet"), ImageSource("demo:test"), params=settings, limit=4
    )
    events = engine.run(request)
    prepared = next(event for event in events if isinstance(event, Prepared))
    events.close()  # type: ignore[attr-defined]  # a generator
    return prepared.fingerprint


def test_a_table_that_has_changed_gives_another_answer(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    here, there = tmp_path / "own.csv", tmp_path / "elsewhere" / "own.csv"
    here.write_text("shade,age\n1,2\n3,4\n")
    there.write_text(here.read_text())
    before = fingerprint(here, ":age")
    assert fingerprint(there, ":age") == before
    assert fingerprint(here, ":shade") != before
    here.write_text("shade,age\n1,2\n3,5\n")
    assert fingerprint(here, ":age") != before
    assert fingerprint(tmp_path / "none.csv") != fingerprint(here)


def test_a_column_for_other_pictures_fails_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("x\n1\n2\n")
    found = run(column=str(tmp_path / "own.csv"))
    assert found.finished is not None
    assert found.finished.problem is not None
    assert "2 values" in found.finished.problem.message
