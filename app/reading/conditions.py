"""Under which conditions a run was made, in few words: what has to stand beside every number. No widgets."""

from __future__ import annotations

import numpy as np

from analysis.edits import Edits
from analysis.result import Result
from app.reading import numbers
from app.workspace import Run


def words(result: Result) -> list[str]:
    """Sample size, mode, tolerance and device of a run, as far as they are known."""
    found: list[str] = []
    prepared, facts = result.prepared, result.facts
    if prepared and prepared.samples.count:
        found.append(f"N = {prepared.samples.count:,}")
    if "mode" in facts:
        modes = [part.strip().split(" ")[0].rstrip(":") for part in facts["mode"].split(";")]
        found.append(f"mode {' + '.join(modes)}")
    if "tolerance" in result:
        found += _tolerance(result)
    if "batch" in facts and prepared:
        found.append(f"batch {facts['batch'].split(' ')[0]} · {prepared.device} · {_threads(prepared.threads)}")
    return found


def _tolerance(result: Result) -> list[str]:
    known = result["tolerance"][np.isfinite(result["tolerance"])]
    if not known.size:
        return []
    low, high = (numbers.scientific(float(value)) for value in (known.min(), known.max()))
    return [f"tolerance {low}" if low == high else f"tolerance {low} to {high}"]


def _threads(count: int) -> str:
    return f"{count} thread" + ("" if count == 1 else "s")


def badges(run: Run, edits: Edits) -> list[str]:
    """List what a reader must not overlook: random weights, other edits, an early end, warnings."""
    found = list(run.result.prepared.badges) if run.result.prepared else []
    found += [other] if (other := edit_words(run, edits)) else []
    if run.state not in ("completed", "queued", "running"):
        found.append(run.state)
    short = {"undersampled": "fewer observations than channels", "non_finite": "pictures dropped"}
    for warning in run.result.warnings:
        text = short.get(warning.code)
        if text:
            count = len(warning.items)
            found.append(f"{text} ({count} layer{'' if count == 1 else 's'})")
    return found


def edit_words(run: Run, edits: Edits) -> str:
    """Say that a run is of the network before its edits, or with other ones; "" if it has the same."""
    if run.request.edits == edits:
        return ""
    return "measured before the last edit" if run.request.edits.empty else "measured with other edits"


def progress(run: Run) -> str:
    """How far an open run is: "512 of 1,000"; empty for others."""
    step = run.result.progress
    if not run.open or step is None or step.total <= 0:
        return ""
    return f"{step.done:,} of {step.total:,}"


def details(result: Result) -> str:
    """All facts and warnings, one per line, for hovering."""
    lines = [f"{name}: {text}" for name, text in result.facts.items()]
    if result.prepared:
        prepared = result.prepared
        lines.insert(0, f"network: {prepared.model}, on {prepared.device}")
        if prepared.samples.location:
            lines.insert(1, f"pictures: {prepared.samples.count:,} of {prepared.samples.total:,}")
    return "\n".join([*lines, *(warning.text for warning in result.warnings)])
