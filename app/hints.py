"""Hints of the engine in the words of the window: it has no options of a command line."""

from __future__ import annotations

import re

from analysis.problems import Problem

_WORDS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"Add --download to fetch them, give", "Give"),
        (r"Add --trust", "Trust it"),
        (r"Load it with --trust", "Trust it"),
        (r"Add --weights FILE", "Choose a weight file"),
        (r"--weights FILE", "a weight file"),
        (r"--weights random", "random weights"),
        (r"--weights pretrained", "published weights"),
        (r"with --weights\b", "as weights"),
        (r"Name one with --model", "Choose a network"),
        (r"Name the network with --model", "Choose the network"),
        (r"Name some with --images", "Choose pictures"),
        (r"with --classes FILE", "in a file of class names"),
        (r"with --classes", "in a file of class names"),
        (r"Raise --limit", "Raise the number of pictures"),
        (r" ?\(--input C,H,W\)", ""),
        (r"--input (C,H,W|channels,height,width)", "channels,height,width"),
        (r" with --(layers|out|model)\b", ""),
        (r", without --resume", ""),
        (r"--set (\w+)=", r"\1 = "),
        (r"--([a-z]+)", r"\1"),
    )
)
"""What is said on the command line, and what in the window; the first ones first, the last one for whatever is left."""


def in_window(hint: str) -> str:
    """Return a hint without options of the command line.

    Examples
    --------
    >>> in_window("Choose --weights FILE, --weights pretrained (from the local cache) or --weights random.")
    'Choose a weight file, published weights (from the local cache) or random weights.'
    >>> in_window("Choose others with --layers."), in_window("Try --set family=dilation3.")
    ('Choose others.', 'Try family = dilation3.')
    """
    for pattern, words in _WORDS:
        hint = pattern.sub(words, hint)
    return hint


def told(problem: Problem) -> Problem:
    """Return a problem as the window tells it."""
    return Problem(problem.message, in_window(problem.hint), problem.details, problem.code)
