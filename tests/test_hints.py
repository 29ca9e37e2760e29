"""What the engine says names options of the command line; the window has none."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import analysis
from analysis.events import Finished, Outcome, Started
from analysis.preparation import checked, with_overrides
from analysis.problems import AnalysisError, Problem
from analysis.request import ImageSource, Preprocessing, Request
from analysis.result import Result
from app.hints import UNSAID, in_window, told
from app.notices import Notice, Notices
from app.workspace import Run, Workspace

FILES = sorted(Path(analysis.__file__).parent.rglob("*.py"))
OF_THE_COMMAND_LINE = ("commands", "command_line.py")
VALUES = {"option": "mean", "name": "net.pt2", "size": "0,3", "wanted": "224,224", "_one_line(error)": "no."}
"""What stands in the places of a text that a program fills in."""


def text_of(node: ast.expr) -> str:
    """Read a text of the source, with something in the places that a program fills in; "" for no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            VALUES.get(ast.unparse(part.value), "this") if isinstance(part, ast.FormattedValue) else text_of(part)
            for part in node.values
        )
    return ""


@cache
def said() -> list[str]:
    """Every text of the engine that names an option and can become a message or a hint of an error.

    Each text is found wherever it is written, also where it has a name before an error is made of it.
    """
    found = []
    for path in FILES:
        if any(part in OF_THE_COMMAND_LINE for part in path.parts):
            continue
        tree = ast.parse(path.read_text())
        inside = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        docs = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant | ast.JoinedStr) and node not in inside and node not in docs:
                found += [text_of(node)] if re.search(r"--[a-z].*[.?!]$", text_of(node)) else []
    return sorted(set(found))


def is_sentence(text: str) -> bool:
    """Tell whether a text begins and ends as sentences do, with no gap and no bracket left open."""
    return (
        bool(re.match(r"[A-Z0-9'(]", text))
        and text[-1] in ".?!"
        and not re.search(r"  | [.,:;)]|\( |[,:;]\.|\.\.|\(\)", text)
        and text.count("(") == text.count(")")
        and len(text.split()) >= 2
    )


def test_options_are_named_in_many_places_of_the_engine() -> None:
    texts = said()
    assert len(texts) > 30
    assert "A value of --std is not above zero." in texts
    assert "--size 0,3 is not a size." in texts
    assert any(text.startswith("Check the input shape (--input C,H,W). The network says") for text in texts)


@pytest.mark.parametrize("text", said())
def test_what_is_left_is_sentences_without_options(text: str) -> None:
    window = in_window(text)
    assert "--" not in window
    assert not window or is_sentence(window)


@pytest.mark.parametrize("text", said())
def test_every_text_of_the_engine_has_its_words(text: str) -> None:
    assert in_window(text)  # none is left out today


@pytest.mark.parametrize("text", said())
def test_words_of_the_window_stay_as_they_are(text: str) -> None:
    assert in_window(in_window(text)) == in_window(text)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("Give --weights FILE, or choose --weights random.", "Give a weight file, or choose random weights."),
        ("Choose other layers with --layers, or mode=positions.", "Choose other layers, or mode=positions."),
        ("Give the shape of its input: --input C,H,W.", "Give the shape of its input: channels,height,width."),
        ("Name some with --images, e.g. demo:test.", "Choose pictures, e.g. demo:test."),
        ("Free some space or choose another folder with --out.", "Free some space or choose another folder."),
        ("Begin anew, without --resume.", "Begin anew."),
        ("Nothing to change - here.", "Nothing to change - here."),
        ("A value of --std is not above zero.", "A standard deviation is not above zero."),
        ("--size 0,3 is not a size.", "0,3 is not a size of pictures."),
        ("There are 2 values of --mean for 3 channels.", "There are 2 means for 3 channels."),
        ("There are 2 values of --std for 3 channels.", "There are 2 standard deviations for 3 channels."),
        ("Give one value, e.g. --std 0.5,0.5,0.5.", "Give one value, e.g. 0.5,0.5,0.5."),
        (
            "Name the network with --model, or give a factory: --model PATH.py:FUNCTION --trust.",
            "Choose the network, or give a function that makes it, as PATH.py:FUNCTION.",
        ),
    ],
)
def test_options_become_words(text: str, window: str) -> None:
    assert in_window(text) == window


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("Try --other. Or wait a little.", "Or wait a little."),
        ("It is full (see --other).", ""),
        ("It is full; see --other.", "It is full."),
        ("The file my--net.pt is damaged.", "The file my--net.pt is damaged."),
        ("There is no folder /data--old/new.", "There is no folder /data--old/new."),
    ],
)
def test_a_sentence_that_cannot_be_said_is_left_out(text: str, window: str) -> None:
    assert in_window(text) == window


def test_details_and_code_of_a_problem_stay() -> None:
    problem = Problem("It failed.", "Add --trust if you know it.", "Lines --of details", "needs_trust")
    assert told(problem) == Problem("It failed.", "Trust it if you know it.", "Lines --of details", "needs_trust")


def test_a_problem_never_loses_its_message() -> None:
    assert told(Problem("Use --other.", "Or --another.")) == Problem(UNSAID, "")


@pytest.mark.parametrize(
    ("mean", "std", "words"),
    [
        ((102.0,), (51.0,), "Mean 102 and standard deviation 51 are in units of pixels from 0 to 255; here pixels go "
         "from 0 to 1. Write mean 0.4 and standard deviation 0.2."),
        ((102.0,), (), "Mean 102 is in units of pixels from 0 to 255; here pixels go from 0 to 1. Write mean 0.4."),
        ((), (51.0,), "Standard deviation 51 is in units of pixels from 0 to 255; here pixels go from 0 to 1. "
         "Write standard deviation 0.2."),
    ],
)  # fmt: skip
def test_units_of_bytes_are_refused_in_words(mean: tuple[float, ...], std: tuple[float, ...], words: str) -> None:
    with pytest.raises(AnalysisError) as failed:
        with_overrides(Preprocessing((), (), ()), ImageSource("demo:test", mean=mean, std=std))
    assert str(told(failed.value)) == words


def test_an_error_is_told_with_its_lines() -> None:
    with pytest.raises(AnalysisError) as failed:
        checked(Preprocessing((0.5, 0.5), (), ()), 3)
    assert str(failed.value) == "There are 2 values of --mean for 3 channels."
    assert str(told(failed.value)) == (
        "There are 2 means for 3 channels. Give one value, or one per channel, e.g. 0.5,0.5,0.5."
    )
    error = AnalysisError("It is damaged.", "Add --weights FILE.", "mismatch", ("missing: a", "missing: b"))
    assert told(error) == Problem("It is damaged.", "Choose a weight file.", "missing: a\nmissing: b", "mismatch")


# -- where people read it ----------------------------------------------------------------------------------------------

RAW = Problem("A value of --std is not above zero.", "Choose others with --layers.", "details", "code")
WINDOW = Problem("A standard deviation is not above zero.", "Choose others.", "details", "code")


def test_a_run_that_fails_now_is_told_in_words_of_the_window(qapp: Any) -> None:
    workspace = Workspace()
    workspace.add_run(Run(1, Request("structure")))
    workspace.apply(1, Finished(Outcome.FAILED, RAW))
    finished = workspace.runs[1].result.finished
    assert finished is not None
    assert finished.problem == WINDOW


def test_a_stored_run_is_told_in_the_same_words(qapp: Any) -> None:
    result = Result.of([Started(Request("structure")), Finished(Outcome.FAILED, RAW)])
    run = Workspace().add_stored(Path("runs/x"), Request("structure"), result, "failed")
    assert run.result.finished is not None
    assert run.result.finished.problem == WINDOW
    assert run.result.finished.outcome == Outcome.FAILED


def test_notices_name_no_option(qapp: Any) -> None:
    notices = Notices()
    first = notices.problem(RAW)
    second = notices.add(Notice("Feature rank: --size 1 is not a size.", "Give another, e.g. --size 224,224."))
    assert [notices.all()[first].text, notices.all()[first].hint] == [WINDOW.message, WINDOW.hint]
    assert notices.all()[first].details == "details"
    assert notices.all()[second].text == "Feature rank: 1 is not a size of pictures."
    assert notices.all()[second].hint == "Give another, e.g. 224,224."
