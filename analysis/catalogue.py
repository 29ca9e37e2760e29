"""What can be computed, as plain data: the command line, the forms of the window and the tests read it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePath

from analysis.problems import AnalysisError

Value = bool | int | float | str
NEEDS = ("model", "images", "labels", "checkpoints")


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a method.

    Attributes
    ----------
    name, default, help
        Its name, its default, and one line that says what it does.
    low, high
        Limits of a number, both inclusive.
    choices
        Allowed texts, empty for any.
    shapes_result
        False for a parameter that changes how a run streams but not what it finds; it stays out of the fingerprint.
    reads
        True for a text that names a file to read, as FILE or FILE:PART; the fingerprint covers what is in the file.
    """

    name: str
    default: Value
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    shapes_result: bool = True
    reads: bool = False

    def file_of(self, value: Value) -> str:
        """Return the file that a value names, without its part; "" for none."""
        text = str(value) if self.reads else ""
        head = text.rpartition(":")[0]
        return head if PurePath(head).suffix else text

    def parse(self, text: Value) -> Value:
        """Read a value from text, checked against type and limits.

        Raises
        ------
        AnalysisError
            If the text is no such value; the message names what is allowed.
        """
        value = self._convert(text)
        if self.choices and value not in self.choices:
            raise AnalysisError(f"'{text}' is not a value of {self.name}.", nearest(str(text), self.choices))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            low = self.low if self.low is not None else float("-inf")
            high = self.high if self.high is not None else float("inf")
            if not low <= value <= high:
                raise AnalysisError(f"{self.name} is {value}, outside its limits.", f"Choose from {low:g} to {high:g}.")
        return value

    def _convert(self, text: Value) -> Value:
        if isinstance(self.default, bool):
            words = {"yes": True, "true": True, "1": True, "on": True, "no": False, "false": False, "0": False}
            words["off"] = False
            if str(text).lower() not in words:
                raise AnalysisError(f"'{text}' is not a value of {self.name}.", "Choose yes or no.")
            return words[str(text).lower()]
        if isinstance(self.default, str):
            return str(text)
        kind = type(self.default)
        try:
            return kind(text)
        except ValueError:
            word = "a whole number" if kind is int else "a number"
            raise AnalysisError(f"{self.name} should be {word}, not '{text}'.", self.help) from None


@dataclass(frozen=True, slots=True)
class MethodInfo:
    """A method: what it is called, what it needs, what can be set.

    Attributes
    ----------
    name, title, summary
        Name in code and on the command line, name in menus, one line.
    version
        Raised when the numbers change; part of the fingerprint.
    needs
        Out of :data:`NEEDS`.
    takes
        Out of :data:`NEEDS`: what it uses if the request names it, and does without otherwise.
    limit
        Default number of pictures, 0 for all.
    trained
        True if the answer means little for random weights, which then must be asked for in so many words.
    by_batch
        True if the number of pictures per batch decides the answer, as in training; part of the fingerprint then.
    resumes
        Where an unfinished run can be continued: the output whose entries arrive as parts of the work are finished, and
        what those parts are. ("", "") where every run begins anew.
    """

    name: str
    title: str
    summary: str
    version: int = 1
    needs: frozenset[str] = frozenset({"model", "images"})
    takes: frozenset[str] = frozenset()
    params: tuple[Param, ...] = ()
    limit: int = 0
    trained: bool = True
    by_batch: bool = False
    resumes: tuple[str, str] = ("", "")

    def values(self, given: dict[str, Value]) -> dict[str, Value]:
        """Complete and check the parameters given by a user.

        Raises
        ------
        AnalysisError
            For an unknown name or a value outside its limits.
        """
        known = {param.name: param for param in self.params}
        for name in given:
            if name not in known:
                hint = nearest(name, tuple(known)) if known else f"{self.name} has no parameters."
                raise AnalysisError(f"{self.name} has no parameter '{name}'.", hint)
        return {name: param.parse(given.get(name, param.default)) for name, param in known.items()}


def nearest(word: str, valid: tuple[str, ...] | list[str], count: int = 3) -> str:
    """Name the valid words that come nearest to a wrong one, as a sentence."""
    close = get_close_matches(word, valid, n=count, cutoff=0.4)
    shown = close or list(valid)[:12]
    more = "" if close or len(valid) <= 12 else f" … ({len(valid)} in all)"
    return f"{'Did you mean' if close else 'Choose from'} {', '.join(shown)}{more}{'?' if close else '.'}"
