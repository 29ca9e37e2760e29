"""`list`: which methods there are, with their parameters; which figures."""

from __future__ import annotations

import argparse
import json

from analysis.figures import figures_of
from analysis.records import to_plain

NAME = "list"
HELP = "list the methods and their parameters, or the figures of a method"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--figures", metavar="METHOD", help="list the figures that can show a run of METHOD")
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def command(options: argparse.Namespace) -> int:
    """Print the list."""
    from analysis.engine import find_method
    from analysis.methods import METHODS

    if options.figures:
        return _figures(find_method(options.figures).INFO.name, options.json)
    infos = [method.INFO for method in METHODS]
    if options.json:
        plain = [to_plain(info) | {"needs": sorted(info.needs), "takes": sorted(info.takes)} for info in infos]
        print(json.dumps({"methods": plain}))
        return 0
    for info in infos:
        print(f"{info.name:<18} {info.summary}")
        for param in info.params:
            print(f"    {param.name}={param.default!s:<10} {param.help}")
    return 0


def _figures(method: str, as_json: bool) -> int:
    figures = figures_of(method)
    if as_json:
        plain = [{"name": f.name, "title": f.title, "options": to_plain(f.options)} for f in figures]
        print(json.dumps({"figures": plain}))
        return 0
    for figure in figures:
        print(f"{figure.name:<18} {figure.title}")
        for param in figure.options:
            print(f"    {param.name}={param.default!s:<10} {param.help}")
    return 0
