"""How many free numbers does a network need? Accuracy against degrees of freedom, for rings of shared weights.

    python -m resources.studies.sharing --out FOLDER            the quick study, about a quarter of an hour on one core
    python -m resources.studies.sharing --out FOLDER --full     more sizes, seeds, epochs and scopes: hours

A residual network of 14 layers with 25,060 weights is trained on the 2,000 training pictures of the demo, a fifth of
them held out. Each run goes into a folder of its own below FOLDER; the figure lies beside them.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from analysis.catalogue import Value
from analysis.engine import run
from analysis.events import Finished, Outcome, Prepared, Progress
from analysis.figures import FigureSpec, save
from analysis.networks import CifarResNet
from analysis.request import Compute, ImageSource, ModelSource, Request
from analysis.store import load, record

SIZES = "0.02,0.05,0.1,0.2,0.5,1"
MORE_SIZES = "0.005,0.01,0.02,0.05,0.1,0.2,0.3,0.5,0.7,1"
FIGURE = "sharing_curve"


def small_resnet() -> CifarResNet:
    """Build the network of the study: 14 layers of 6, 12 and 24 channels for 28 px grey pictures, 25,060 weights."""
    return CifarResNet(14, option="B", widths=(6, 12, 24), in_channels=1, classes=10)


def quick() -> Request:
    """Describe the study of the README: six sizes, the full variant with three seeds, the others with one."""
    model = ModelSource(f"{os.path.relpath(__file__)}:small_resnet", input=(1, 28, 28), trust=True)
    params: dict[str, Value] = {
        "ratios": SIZES,
        "variants": "full,perm,sign,direct",
        "seeds": 3,
        "other_seeds": 1,
        "dense": True,
        "narrowed": True,
        "epochs": 8,
    }
    # The network is not known by name, so the mean and deviation of the demo's pictures are said here.
    pictures = ImageSource("demo:train", mean=(0.286,), std=(0.353,))
    return Request("train_shared", model, pictures, params=tuple(params.items()), compute=Compute(threads=1))


def full() -> tuple[Request, ...]:
    """Describe the full grid: ten sizes, three seeds each, twice the epochs; then rings per stage and per block."""
    base = quick()
    more: dict[str, Value] = {"ratios": MORE_SIZES, "seeds": 3, "other_seeds": 3, "epochs": 16}
    whole = replace(base, params=tuple((dict(base.params) | more).items()))
    scoped: dict[str, Value] = {"variants": "full", "dense": False, "narrowed": False}
    return (
        whole,
        *(
            replace(whole, params=tuple((dict(whole.params) | scoped | {"scope": scope}).items()))
            for scope in ("stage", "block")
        ),
    )


def carry_out(request: Request, out: Path) -> Path:
    """Do one run, with its progress on standard error; return its folder."""
    folder, ending = "", Finished(Outcome.FAILED)
    for event in record(run(request), out):
        if isinstance(event, Prepared):
            folder = event.folder
        elif isinstance(event, Progress) and event.total:
            print(f"\r{event.done:>6} of {event.total}  {event.text:<70}", end="", file=sys.stderr)
        elif isinstance(event, Finished):
            ending = event
    print(file=sys.stderr)
    if ending.problem:
        raise SystemExit(str(ending.problem))
    return Path(folder)


def main() -> None:
    """Read the command line, train, draw."""
    parser = argparse.ArgumentParser(description="Accuracy against degrees of freedom, for shared weights.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs and the figure")
    parser.add_argument("--full", action="store_true", help="the full grid instead of the quick study")
    given = parser.parse_args()
    folders = [carry_out(request, given.out) for request in (full() if given.full else (quick(),))]
    for ending in (".svg", ".png"):
        save(FigureSpec(FIGURE), [load(folders[0])], given.out / f"sharing{ending}")
    print(*folders, sep="\n")


if __name__ == "__main__":
    main()
