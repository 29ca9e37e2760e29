"""What can go wrong, and how it is told: one sentence that says what happened, one that says what to do."""

from __future__ import annotations

from dataclasses import dataclass


class AnalysisError(Exception):
    """An expected failure: wrong input, a missing file, a method that does not apply.

    Parameters
    ----------
    message
        One sentence: what happened.
    hint
        What to do about it.
    code
        A short word by which the window can offer a way on, e.g. "needs_trust", "ambiguous".
    items
        Details as lines: keys, candidates, file names.
    """

    def __init__(self, message: str, hint: str = "", code: str = "", items: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code
        self.items = items


class Cancelled(BaseException):
    """Raised inside a forward pass when the user has asked to stop.

    No `Exception`: a network, or code that tries one way and then another, must not take it for a failure.
    """


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a run failed.

    Attributes
    ----------
    message, hint
        What happened; what to do.
    details
        A traceback for unexpected failures, key lists and the like for expected ones.
    code
        See :class:`AnalysisError`.
    """

    message: str
    hint: str = ""
    details: str = ""
    code: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.message, self.hint) if part)


@dataclass(frozen=True, slots=True)
class RunWarning:
    """Something a reader of the result has to know.

    Attributes
    ----------
    code
        A short word, e.g. "undersampled", "unreadable_pictures", "random_weights".
    text
        One sentence.
    items
        What it concerns: layers, files.
    """

    code: str
    text: str
    items: tuple[str, ...] = ()
