"""`demo`: measure the two demo networks without a window and write a page with figures and numbers."""

from __future__ import annotations

import argparse
import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.events import Finished, Prepared, Progress
from analysis.figures import FigureSpec, Style, make_sheet
from analysis.problems import AnalysisError
from analysis.request import ImageSource, ModelSource, Request
from analysis.result import Result

NAME = "demo"
HELP = "measure the demo networks without a window and write a folder with figures, numbers and an index.html"

NETWORKS = (
    ("demo:fashion_resnet", "A ResNet-20 for Fashion-MNIST"),
    ("demo:fashion_plain", "A deep narrow network without shortcuts, which trains badly"),
)
METHODS = ("structure", "evaluate", "feature_rank", "weight_spectrum")


@dataclass(frozen=True, slots=True)
class _Picture:
    """A figure of the page: its method, its name, its options, what it shows."""

    method: str
    figure: str
    caption: str
    options: tuple[tuple[str, str], ...] = ()


PICTURES = (
    _Picture(
        "feature_rank",
        "profile",
        "Effective rank of every convolution's output: how many directions its features use, with 95 % intervals over "
        "pictures.",
        (("measure", "effective_rank"), ("kinds", "conv")),
    ),
    _Picture(
        "feature_rank",
        "profile",
        "Numerical rank divided by the width. Dashes: what a linear layer could reach.",
        (("measure", "rank_ratio"), ("kinds", "conv")),
    ),
    _Picture("feature_rank", "spectrum", "Singular values of the features, eight layers over depth."),
    _Picture("weight_spectrum", "profile", "Stable rank of the weights.", (("measure", "stable_rank"),)),
    _Picture("evaluate", "confusion", "Which class is taken for which."),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", metavar="DIR", default="demo-output", help="folder to write (default: demo-output)")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="number of pictures (default: all 2,000)")


def command(options: argparse.Namespace) -> int:
    """Run the demo; say where the page is."""
    out = Path(options.out)
    sections = [_section(name, title, out, options.limit) for name, title in NETWORKS]
    page = _PAGE.format(body="\n".join(sections))
    index = out / "index.html"
    index.write_text(page, encoding="utf-8")
    print(f"The demo is in {out}: open {index} in a browser.")
    return 0


def _section(name: str, title: str, out: Path, limit: int) -> str:
    results = {method: _measure(method, name, out / "runs", limit) for method in METHODS}
    accuracy = results["evaluate"]
    totals = results["structure"]
    samples = accuracy.prepared.samples.count if accuracy.prepared else 0
    facts = (
        f"{totals.value('total_parameters'):,.0f} parameters, {totals.value('total_macs') / 1e6:.1f} million "
        f"multiply-adds a picture; top-1 accuracy {100 * accuracy.value('top1'):.1f} % on {samples:,} test pictures."
    )
    figures = "\n".join(_figure(results[picture.method], picture, name, out) for picture in PICTURES)
    return f"<h2>{html.escape(title)}</h2>\n<p>{facts}</p>\n{figures}"


def _measure(method: str, name: str, root: Path, limit: int) -> Result:
    from analysis.engine import find_method, run
    from analysis.store import record

    needs = find_method(method).INFO.needs
    images = ImageSource("demo:test") if "images" in needs else None
    result = Result()
    print(f"{name}: {method} ", end="", flush=True)
    shown = 0
    for event in record(run(Request(method, ModelSource(name), images, limit=limit)), root):
        result.apply(event)
        if isinstance(event, Progress) and event.total and 10 * event.done // event.total > shown:
            shown = 10 * event.done // event.total
            print(".", end="", flush=True)
        if isinstance(event, Prepared):
            folder = event.folder
        if isinstance(event, Finished) and event.problem:
            raise AnalysisError(event.problem.message, event.problem.hint)
    print(f" {folder}")
    return result


def _figure(result: Result, picture: _Picture, name: str, out: Path) -> str:
    from analysis.figures.draw import save_sheet
    from analysis.figures.redraw import save_numbers

    words = "-".join(value for key, value in picture.options if key == "measure")
    stem = "-".join(part for part in (name.partition(":")[2], picture.method, picture.figure, words) if part)
    sheet = make_sheet(FigureSpec(picture.figure, options=tuple(picture.options)), [result])
    folder = out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for ending in (".svg", ".pdf"):
        save_sheet(sheet, Style("page"), folder / f"{stem}{ending}")
    save_numbers(sheet, folder / f"{stem}.csv")
    links = " · ".join(_links(stem))
    caption = f"<figcaption>{html.escape(picture.caption)} {links}</figcaption>"
    return f'<figure><img src="figures/{stem}.svg" alt="">{caption}</figure>'


def _links(stem: str) -> Iterator[str]:
    for ending, word in ((".pdf", "PDF"), (".csv", "numbers"), (".py", "script")):
        yield f'<a href="figures/{stem}{ending}">{word}</a>'


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>LayerScope demo</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
figure {{ margin: 2rem 0; }} img {{ width: 100%; }} figcaption {{ color: #555; }}
</style></head><body>
<h1>LayerScope demo</h1>
<p>Two networks trained on Fashion-MNIST, measured on test pictures they have not seen. All numbers are in
<code>runs/</code>, one folder a run, one <code>.npy</code> file a measure.</p>
{body}
</body></html>
"""
