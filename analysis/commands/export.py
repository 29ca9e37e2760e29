"""`export`: draw a figure from stored runs, the same bytes as from the window."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from analysis.commands import options as shared
from analysis.figures import PALETTES, SIZES, FigureSpec, make_sheet
from analysis.problems import AnalysisError
from analysis.store import find_run, load

NAME = "export"
HELP = "draw a figure from stored runs as PDF, SVG or PNG, with its numbers as CSV"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", metavar="RUN", nargs="*", help="run folders, their names or unique ends of them")
    parser.add_argument("--figure", metavar="NAME", help="see list --figures METHOD (default: profile)")
    parser.add_argument("--spec", metavar="FILE", help="a figure as saved by the window (.json)")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="an option of the figure")
    parser.add_argument("--size", choices=list(SIZES))
    parser.add_argument("--dpi", type=int)
    parser.add_argument("--palette", choices=list(PALETTES))
    parser.add_argument("--font", type=float, metavar="PT", help="text size in points")
    parser.add_argument("--no-legend", dest="legend", action="store_false", default=None)
    parser.add_argument("--no-note", dest="note", action="store_false", default=None)
    parser.add_argument("--in", dest="root", metavar="DIR", default="runs", help="where runs are (default: runs)")
    parser.add_argument("--to", metavar="FILE", required=True, help="ends in .pdf, .svg, .png or .pgf")
    parser.add_argument("--data", metavar="FILE", help="also write the numbers (.csv) and a script that redraws them")


def command(options: argparse.Namespace) -> int:
    """Draw the figure."""
    spec = _spec(options)
    results = [load(find_run(name, Path(options.root))) for name in spec.runs]
    sheet = make_sheet(spec, results)
    from analysis.figures.draw import save_sheet
    from analysis.figures.redraw import save_numbers

    save_sheet(sheet, spec.style, Path(options.to))
    if options.data:
        save_numbers(sheet, Path(options.data))
    print(options.to)
    return 0


def _spec(options: argparse.Namespace) -> FigureSpec:
    spec = FigureSpec(options.figure or "profile")
    if options.spec:
        try:
            spec = FigureSpec.from_json(Path(options.spec).read_text(encoding="utf-8"))
        except OSError as error:
            raise AnalysisError(f"{options.spec} cannot be read: {error.strerror}.") from None
    changes = {name: getattr(options, name) for name in ("size", "dpi", "palette", "font", "legend", "note")}
    style = replace(spec.style, **{name: value for name, value in changes.items() if value is not None})
    if options.figure:
        spec = replace(spec, name=options.figure)
    given = dict(spec.options) | dict(shared.settings(options.set))
    runs = tuple(options.runs) or spec.runs
    if not runs:
        raise AnalysisError("No run was named.", "Name a run folder, or a unique end of its name.")
    return replace(spec, runs=runs, options=tuple(given.items()), style=style)
