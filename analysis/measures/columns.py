"""A column of the user's own: one value per picture, read from a table, to group pictures by. numpy only."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from analysis.measures.oracles import Floats
from analysis.problems import AnalysisError

ENDINGS = (".csv", ".tsv", ".txt", ".npy", ".npz")
PLACES = ("place", "index", "picture")
"""Heads of a column of a table that says which picture of the source a line is about, from 0."""


def read_column(name: str, total: int) -> tuple[str, Floats]:
    """Read one value for every picture of a source.

    Parameters
    ----------
    name
        A file, or ``FILE:COLUMN`` to name a column of a table with heads, or an array of an npz file. Without a name
        the last column. Words stand for groups, in alphabetical order.
    total
        Number of pictures in the source.

    Returns
    -------
    tuple
        Name of the column, and (picture of the source,) float64; NaN for pictures that the table leaves out.

    Raises
    ------
    AnalysisError
        If there is no such file or column, or it does not fit the pictures.
    """
    path, column = _parted(name)
    try:
        if path.suffix.lower() in (".npy", ".npz"):
            title, values = _from_arrays(path, column)
            places = np.arange(len(values))
        else:
            title, values, places = _from_table(path, column)
    except (OSError, ValueError, csv.Error, UnicodeDecodeError) as error:
        text = f"'{path.name}' could not be read as a table with one value for each picture."
        raise AnalysisError(text, f"Give CSV, npy or npz. {error}", "column") from None
    if len(values) != len(places) or (len(places) and (places.min() < 0 or places.max() >= total)):
        raise AnalysisError(
            f"'{path.name}' is about other pictures: it has {len(values):,} values, and the source {total:,} pictures.",
            "Give one line for each picture, in their order, or a column named 'place' with their numbers from 0.",
            "column",
        )
    if len(values) != total and np.array_equal(places, np.arange(len(values))):
        raise AnalysisError(
            f"'{path.name}' has {len(values):,} values, and the source {total:,} pictures.",
            "Give one line for each picture, or a column named 'place' with their numbers from 0.",
            "column",
        )
    found = np.full(total, np.nan)
    found[places] = _numbers(values)
    return title, found


def _parted(name: str) -> tuple[Path, str]:
    head, colon, column = name.rpartition(":")
    if colon and Path(head).suffix.lower() in ENDINGS:
        return Path(head), column
    return Path(name), ""


def _from_arrays(path: Path, column: str) -> tuple[str, list[str]]:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return path.stem, [str(value) for value in loaded.reshape(-1)]
    with loaded:
        if not column:
            flat = [name for name in loaded.files if loaded[name].ndim == 1]
            column = flat[-1] if flat else ""
        if column not in loaded.files:
            raise ValueError(f"It has {', '.join(loaded.files)}.")
        return column, [str(value) for value in loaded[column].reshape(-1)]


def _from_table(path: Path, column: str) -> tuple[str, list[str], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    text = path.read_text(encoding="utf-8-sig")
    mark = "\t" if "\t" in text else ";" if ";" in text.partition("\n")[0] else ","
    lines = [line for line in csv.reader(text.splitlines(), delimiter=mark) if line]
    if not lines:
        raise ValueError("It is empty.")
    heads = [] if _is_number(lines[0][-1]) else [word.strip() for word in lines.pop(0)]
    if column and column not in heads:
        raise ValueError(f"It has the columns {', '.join(heads)}.")
    at = heads.index(column) if column else len(heads or lines[0]) - 1 if lines else 0
    if any(len(line) <= at for line in lines):
        raise ValueError("Some lines are shorter than others.")
    key = next((number for number, head in enumerate(heads) if head.lower() in PLACES and number != at), -1)
    places = np.array([int(line[key]) for line in lines] if key >= 0 else range(len(lines)), dtype=np.int64)
    return heads[at] if heads else path.stem, [line[at].strip() for line in lines], places


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _numbers(values: list[str]) -> Floats:
    """Numbers as they are, words by their place in the alphabet; empty fields are NaN."""
    given = [word for word in values if word]
    if all(_is_number(word) for word in given):
        return np.array([float(word) if word else np.nan for word in values], dtype=np.float64)
    order = {word: float(place) for place, word in enumerate(sorted(set(given)))}
    return np.array([order.get(word, np.nan) for word in values], dtype=np.float64)
