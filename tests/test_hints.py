"""What the engine advises names options of the command line; the window has none."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import analysis
from analysis.problems import Problem
from app.hints import in_window, told

FILES = sorted(Path(analysis.__file__).parent.rglob("*.py"))


def hints() -> list[str]:
    """Texts of the engine that name an option, wherever an error is made of them."""
    found = []
    for path in FILES:
        if "commands" in path.parts or path.name == "command_line.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "AnalysisError":
                words = [ast.literal_eval(part) for part in node.args if isinstance(part, ast.Constant)]
                found += [word for word in words if "--" in word]
    return found


@pytest.mark.parametrize("hint", hints())
def test_no_hint_names_an_option_of_the_command_line(hint: str) -> None:
    said = in_window(hint)
    assert "--" not in said
    assert "  " not in said
    assert " ." not in said
    assert said[:1].isupper()


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ("Give --weights FILE, or choose --weights random.", "Give a weight file, or choose random weights."),
        ("Choose other layers with --layers, or mode=positions.", "Choose other layers, or mode=positions."),
        ("Give the shape of its input: --input C,H,W.", "Give the shape of its input: channels,height,width."),
        ("Name some with --images, e.g. demo:test.", "Choose pictures, e.g. demo:test."),
        ("Free some space or choose another folder with --out.", "Free some space or choose another folder."),
        ("Begin anew, without --resume.", "Begin anew."),
        ("Nothing to change - here.", "Nothing to change - here."),
    ],
)
def test_options_become_words(hint: str, said: str) -> None:
    assert in_window(hint) == said


def test_the_rest_of_a_problem_stays() -> None:
    problem = Problem("It failed.", "Add --trust if you know it.", "Lines --of details", "needs_trust")
    assert told(problem) == Problem("It failed.", "Trust it if you know it.", "Lines --of details", "needs_trust")
