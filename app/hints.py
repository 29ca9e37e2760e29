"""What the engine says, in the words of the window: it has no options of a command line."""

from __future__ import annotations

import re

from analysis.problems import AnalysisError, Problem

OPTION = re.compile(r"(?<![\w/.\\-])--[A-Za-z]")
"""Where a text names an option; names of files may well hold two hyphens."""
UNSAID = "This cannot be done so."
"""What is said of a problem of which nothing can be said without options."""
_SENTENCE = re.compile(r"(?<=[.!?;])\s+")
_WORDS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"Add --download to fetch them, give", "Give"),
        (r"Add --trust", "Trust it"),
        (r"Load it with --trust", "Trust it"),
        (r"a factory: --model PATH\.py:FUNCTION --trust", "a function that makes it, as PATH.py:FUNCTION"),
        (r"Use it as the network: --model (.+) \(loading it needs --trust\)", r"Open \1 as the network and trust it"),
        (r"Weights were given without a network", "Weights are chosen without a network"),
        (r"Add --model auto", "Choose auto as the network"),
        (r", or --model auto to look for it", ", or auto to look for it"),
        (r"Add --weights FILE", "Choose a weight file"),
        (r"--weights FILE", "a weight file"),
        (r"--weights random", "random weights"),
        (r"--weights pretrained", "published weights"),
        (r"Leave out --weights", "Choose no weights for it"),
        (r"Name the network with --model and the file with --weights", "Choose the network, and the file as weights"),
        (r"with --weights\b", "as weights"),
        (r"(Name|Choose) one with --model", "Choose a network"),
        (r"Name the network with --model", "Choose the network"),
        (r"Name some with --images", "Choose pictures"),
        (r"with --classes( FILE)?", "in a file of class names"),
        (r"Raise --limit", "Raise the number of pictures"),
        (r"Let --out end", "Let its name end"),
        (r" ?\(--input C,H,W\)", ""),
        (r"--input (C,H,W|channels,height,width)", "channels,height,width"),
        (r" with --(layers|out|model)\b", ""),
        (r", without --resume", ""),
        (r"; inspect needs none", ""),
        (r"^--mean (\S+) --std (\S+) is", r"Mean \1 and standard deviation \2 are"),
        (r"^--mean (\S+) is", r"Mean \1 is"),
        (r"^--std (\S+) is", r"Standard deviation \1 is"),
        (r"Write --mean (\S+) --std ", r"Write mean \1 and standard deviation "),
        (r"Write --mean ", "Write mean "),
        (r"Write --std ", "Write standard deviation "),
        (r"values of --mean\b", "means"),
        (r"[Vv]alues of --std\b", "standard deviations"),
        (r"A value of --std\b", "A standard deviation"),
        (r"(e\.g\. )--(mean|std|size) ", r"\1"),
        (r"--size (\S+) is not a size", r"\1 is not a size of pictures"),
        (r"--set (\w+)=", r"\1 = "),
    )
)
"""What is said on the command line, and what in the window; the first ones first."""


def in_window(text: str) -> str:
    """Return a text without options of the command line; a sentence that cannot be said without is left out.

    Examples
    --------
    >>> in_window("Choose --weights FILE, --weights pretrained (from the local cache) or --weights random.")
    'Choose a weight file, published weights (from the local cache) or random weights.'
    >>> in_window("Choose others with --layers."), in_window("Try --set family=dilation3.")
    ('Choose others.', 'Try family = dilation3.')
    >>> in_window("It is too large. Try --other things.")
    'It is too large.'
    """
    if not OPTION.search(text):
        return text
    for pattern, words in _WORDS:
        text = pattern.sub(words, text)
    if OPTION.search(text):
        text = " ".join(part for part in _SENTENCE.split(text) if not OPTION.search(part))
    if text.endswith(";"):  # what followed was left out
        text = f"{text[:-1]}."
    return text


def told(problem: Problem | AnalysisError) -> Problem:
    """Return a problem as the window tells it; `str` of it is all that is said in one line."""
    if isinstance(problem, AnalysisError):
        problem = Problem(str(problem), problem.hint, "\n".join(problem.items), problem.code)
    message = in_window(problem.message) or (UNSAID if problem.message else "")
    return Problem(message, in_window(problem.hint), problem.details, problem.code)
