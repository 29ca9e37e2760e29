"""What is known of the edited network beside the original: outputs, accuracy, costs, rank and bundles. No widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.edits import Edits
from analysis.request import Request
from analysis.result import Result
from app.reading import numbers
from app.reading.depth import Floats
from app.reading.width_runs import newest
from app.reading.width_search import floats
from app.workspace import Run, Workspace

CHECK, RANK, BUNDLES = "edited_check", "feature_rank", "conflicting_bundles"
NONE = numbers.NOTHING
UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: words, texts of the original, the edited, and the one with batch norm measured anew."""

    words: str
    original: str
    edited: str
    recalibrated: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A measure of the layers of both networks.

    Attributes
    ----------
    names
        Layers in order of execution.
    original, edited
        (layer,), NaN where it was not measured.
    """

    names: tuple[str, ...]
    original: Floats
    edited: Floats


def original_of(request: Request) -> Request:
    """Return the same question about the network before all edits."""
    return replace(request, edits=Edits())


def pair_of(workspace: Workspace, method: str) -> tuple[Run | None, Run | None]:
    """Newest run of a method for the edited network, and the run of the original that asked the very same."""
    edited = newest(workspace, method, workspace.edits) if not workspace.edits.empty else None
    if edited is None:
        return newest(workspace, method, Edits()), None
    wanted = original_of(edited.request)
    same = [
        run
        for run in workspace.runs.values()
        if replace(run.request, compute=wanted.compute, resume="") == wanted and run.result.declared
    ]
    return max(same, key=lambda run: (run.state == "completed", run.began), default=None), edited


def lines(check: Result | None, rank: Pair | None, bundles: Pair | None) -> tuple[Line, ...]:
    """Rows of the table, as far as they are known."""
    found = list(_checked(check)) if check is not None else []
    if rank is not None:
        one, other = (float(np.nanmean(v)) if np.isfinite(v).any() else float("nan") for v in _values(rank))
        about = "Effective rank by width, mean over the convolutions"
        texts = [_three(value) if value == value else UNKNOWN for value in (one, other)]
        found.append(Line("mean rank / width", texts[0], texts[1], "", about))
    if bundles is not None:
        counts = [(int((v > 0).sum()), int(np.isfinite(v).sum())) for v in _values(bundles)]
        texts = [f"{conflicting} of {known}" if known else UNKNOWN for conflicting, known in counts]
        about = "Points of the network at which pictures of different classes cannot be told apart"
        found.append(Line("conflicting points", texts[0], texts[1], "", about))
    return tuple(found)


def _values(pair: Pair) -> tuple[Floats, Floats]:
    return pair.original, pair.edited


def _checked(result: Result) -> list[Line]:
    found = []
    runs = ["yes" if value == 1 else NONE if value == 255 else "not all numbers" for value in result["runs"].tolist()]
    found.append(Line("runs", *_three_texts(runs), "All outputs are numbers"))
    if "top1" in result:
        top1 = [numbers.percent(value) for value in floats(result, "top1").tolist()]
        loss = [_three(value) for value in floats(result, "loss").tolist()]
        found.append(Line("top-1 accuracy", *_three_texts(top1), "Share of the pictures that is recognised"))
        found.append(Line("cross-entropy", *_three_texts(loss), "Mean, in nats"))
    agreement = ["", *(numbers.percent(value) for value in floats(result, "agreement").tolist()[1:])]
    difference = ["", *(f"{value:.2g}" for value in floats(result, "difference").tolist()[1:])]
    found.append(Line("same prediction", *_three_texts(agreement), "Pictures with the original's prediction"))
    about = "Largest difference of outputs by the largest output of the original"
    found.append(Line("largest difference", *_three_texts(difference), about))
    for name, words in (("parameters", "parameters"), ("macs", "MACs")):
        values = floats(result, name)
        predicted = float(floats(result, f"predicted_{name}"))
        same = "the closed form says the same" if predicted == values[1] else f"the closed form says {predicted:,.0f}"
        texts = [f"{value:,.0f}" if value == value else NONE for value in values.tolist()]
        found.append(Line(words, texts[0], texts[1], "", f"Counted on the networks that run; {same}"))
    return found


def _three_texts(texts: list[str]) -> tuple[str, str, str]:
    return texts[0], texts[1], texts[2] if len(texts) > 2 else ""


def _three(value: float) -> str:
    return f"{value:.3f}" if value == value else NONE


# -- layer by layer ------------------------------------------------------------------------------------------------


def rank_pair(original: Result | None, edited: Result | None) -> Pair | None:
    """Effective rank by width of the convolutions of both networks."""
    return _pair(original, edited, ranks)


def bundle_pair(original: Result | None, edited: Result | None) -> Pair | None:
    """Bundle entropy of the points of both networks; above 0 a point conflicts."""
    return _pair(original, edited, entropies)


def _pair(original: Result | None, edited: Result | None, read: object) -> Pair | None:
    assert callable(read)
    known: list[dict[str, float]] = [read(result) if result is not None else {} for result in (original, edited)]
    names = tuple(dict.fromkeys(name for values in known for name in values))
    if not names:
        return None
    first, second = (np.array([values.get(name, np.nan) for name in names]) for values in known)
    return Pair(names, first, second)


def ranks(result: Result) -> dict[str, float]:
    """Effective rank by width of the convolutions of a run, by their names."""
    values = floats(result, "effective_rank")
    if values.ndim != 1:
        return {}
    pairs = zip(result.layers, values.tolist(), strict=True)
    return {layer.name: rank / layer.channels for layer, rank in pairs if layer.kind == "conv" and layer.channels}


def entropies(result: Result) -> dict[str, float]:
    """Bundle entropy of the points of a run at its last checkpoint, by their names."""
    values = floats(result, "entropy")
    values = values.reshape(-1, values.shape[-1])[-1] if values.ndim else np.empty(0)
    if len(values) != len(result.layers):
        return {}
    return {layer.name: value for layer, value in zip(result.layers, values.tolist(), strict=True)}
