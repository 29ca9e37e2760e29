"""What the user is asked when a network cannot be opened as it is, and the ways on. No widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.problems import Problem
from analysis.request import ModelSource

TRUST = "Open anyway, I trust it"
ABOUT_TRUST = (
    "Weights are numbers. This file asks for more: to open it, Python has to run code that the file names, with all "
    "your rights. That is normal for whole pickled networks, for exported programs and for code of your own, and it is "
    "also how a prepared file could harm you. Open it only if you know where it comes from."
)


@dataclass(frozen=True, slots=True)
class Way:
    """A way on: the words of its button, and what it opens.

    Attributes
    ----------
    risky
        True if code of the user's files may then run; never the default button.
    """

    text: str
    source: ModelSource
    risky: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """Something about a network that only the user can decide.

    Attributes
    ----------
    problem
        What happened, what to do, and the facts as lines.
    source
        What was to be opened.
    ways
        Ways on.
    listed
        True if the ways are a list to choose from, not a row of buttons.
    about
        A paragraph behind "What is this?", "" for none.
    names_network
        True if naming the network is a way on.
    before
        The network that was open before, to go back to.
    """

    problem: Problem
    source: ModelSource
    ways: tuple[Way, ...] = ()
    listed: bool = False
    about: str = ""
    names_network: bool = False
    before: ModelSource | None = None


def question_of(source: ModelSource, problem: Problem, before: ModelSource | None = None) -> Question:
    """Turn a failure to load a network into what the user is asked."""
    lines = tuple(line for line in problem.details.splitlines() if line.strip())
    asked = Question(problem, source, before=before if before != source else None)
    make = _KINDS.get(problem.code)
    return make(asked, lines) if make else asked


def question_of_code(path: str, choices: tuple[str, ...]) -> Question:
    """Ask which function of a Python file builds the network."""
    source = ModelSource(path)
    text = f"{Path(path).name} defines {len(choices)} things that could build the network."
    problem = Problem(text, "Choose the function or class to call.")
    return Question(problem, source, tuple(Way(name, ModelSource(f"{path}:{name}")) for name in choices), listed=True)


def _trust(asked: Question, _lines: tuple[str, ...]) -> Question:
    return replace(asked, ways=(Way(TRUST, replace(asked.source, trust=True), risky=True),), about=ABOUT_TRUST)


def _ambiguous(asked: Question, lines: tuple[str, ...]) -> Question:
    names = dict.fromkeys(line.split()[0].rstrip(":,") for line in lines)
    ways = tuple(Way(name, replace(asked.source, name=name)) for name in names)
    return replace(asked, ways=ways, listed=True)


def _no_match(asked: Question, lines: tuple[str, ...]) -> Question:
    # Lines of keys are indented; the others begin with names of networks.
    heads = [
        line.partition(":")[0] if line.count(":") == 1 else line.rpartition(":")[0] for line in lines if line[0] != " "
    ]
    names = dict.fromkeys(name.strip() for head in heads for name in head.split(" and ")[0].split(","))
    ways = tuple(Way(f"Compare with {name}", replace(asked.source, name=name)) for name in names if name)
    return replace(asked, ways=ways[:3], names_network=True)


def _mismatch(asked: Question, _lines: tuple[str, ...]) -> Question:
    ways = () if asked.source.name == "auto" else (Way("Look for the network", replace(asked.source, name="auto")),)
    return replace(asked, ways=ways, names_network=True)


def _several(asked: Question, lines: tuple[str, ...]) -> Question:
    given = asked.source.weights
    folder = Path(given[0]) if len(given) == 1 else Path()
    paths = {Path(path).name: path for path in given}
    ways = tuple(
        Way(name, replace(asked.source, weights=(paths.get(name) or str(_below(folder) / name),))) for name in lines
    )
    return replace(asked, ways=ways, listed=True)


def _below(folder: Path) -> Path:
    """Folder of the files of a folder, or of a pattern."""
    return folder if folder.is_dir() else folder.parent


def _needs_weights(asked: Question, _lines: tuple[str, ...]) -> Question:
    ways = (
        Way("Published weights", replace(asked.source, weights=("pretrained",))),
        Way("Random weights", replace(asked.source, weights=("random",))),
    )
    return replace(asked, ways=ways)


def _not_cached(asked: Question, _lines: tuple[str, ...]) -> Question:
    ways = (
        Way("Download them", replace(asked.source, download=True)),
        Way("Random weights", replace(asked.source, weights=("random",))),
    )
    return replace(asked, ways=ways)


def _unknown(asked: Question, _lines: tuple[str, ...]) -> Question:
    return replace(asked, names_network=True)


_KINDS: dict[str, Callable[[Question, tuple[str, ...]], Question]] = {
    "needs_trust": _trust,
    "ambiguous": _ambiguous,
    "no_match": _no_match,
    "mismatch": _mismatch,
    "several": _several,
    "needs_weights": _needs_weights,
    "not_cached": _not_cached,
    "unknown_network": _unknown,
}
