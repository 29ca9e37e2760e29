"""The command line: the engine without a window.

Exit status: 0 done, 1 failed (one line says why), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys

from analysis.commands import apply, demo, export, groups, inspect, listing, run
from analysis.problems import AnalysisError


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and carry it out; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.command(options))
    except AnalysisError as error:
        print(f"error: {' '.join(part for part in (str(error), error.hint) if part)}", file=sys.stderr)
        for line in error.items[:40]:
            print(f"  {line}", file=sys.stderr)
        if len(error.items) > 40:
            print(f"  … and {len(error.items) - 40} more", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output has gone, as in "… | head"
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m analysis", description="LayerScope without its window: measure trained CNNs, draw figures."
    )
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (listing, inspect, groups, run, apply, export, demo):
        verb = verbs.add_parser(module.NAME, help=module.HELP, description=module.HELP)
        module.add_arguments(verb)
        verb.set_defaults(command=module.command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
