"""Print which network passes which check of its width groups: ``python -m tests.groups_table [NAME ...]``."""

from __future__ import annotations

import sys
import warnings

from tests.test_surgery_zoo import check
from tests.width_nets import CASES


def main(names: list[str]) -> int:
    """Check all networks whose name holds one of the words; return how many fail."""
    print(f"{'network':30} {'g / v / c':>12} {'narrowed':>9} {'widened':>9} {'doubled':>9} {'new':>4}")
    failed = 0
    for case in CASES:
        if names and not any(name in case.name for name in names):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                print(check(case), flush=True)
        except Exception as error:  # one network must not keep the others from the table
            failed += 1
            print(f"{case.name:30} FAILS: {type(error).__name__}: {' '.join(str(error).split())[:200]}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
