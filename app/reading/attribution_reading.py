"""What runs of `attribution` say about one picture, and which run to ask for. No widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.catalogue import Value
from analysis.measures.attributions import ALGORITHMS, Algorithm, algorithm, delta_words, relative_delta, scale_of
from analysis.request import Request
from app.reading import numbers
from app.reading.comparing import compared_run, compared_runs, network_name
from app.reading.depth import Floats
from app.workspace import Run, Workspace

METHOD = "attribution"
DEFAULT = ("saliency", "integrated_gradients", "grad_cam")
PATIENCE = 3.0
"""Seconds that explaining another picture may take without having been asked for."""
DELTA = "Sum of the attribution less the difference between the scores of picture and baseline; ideally 0."


@dataclass(frozen=True, slots=True)
class Wish:
    """What to explain, and how.

    Attributes
    ----------
    algorithms
        Names, in the order of the list.
    target
        "predicted", "label", or a class.
    layer
        For Grad-CAM and conductance, "" for the engine's choice.
    baseline
        One of the engine's words.
    steps
        Of the integrals.
    """

    algorithms: tuple[str, ...] = DEFAULT
    target: str = "predicted"
    layer: str = ""
    baseline: str = "zero"
    steps: int = 50

    def params(self, sample: int) -> dict[str, Value]:
        """Return the parameters of a run that explains one picture; defaults are left out."""
        given: dict[str, Value] = {"algorithms": ",".join(self.algorithms), "samples": str(sample)}
        plain = Wish()
        if self.target not in ("", plain.target):
            given["target"] = self.target
        if self.layer and self.layered:
            given["layer"] = self.layer
        if self.baseline != plain.baseline:
            given["baseline"] = self.baseline
        if self.steps != plain.steps:
            given["steps"] = self.steps
        return given

    @property
    def layered(self) -> bool:
        """True if one of the algorithms looks at a layer."""
        return any(algorithm(name).layered for name in self.algorithms)


@dataclass(frozen=True, slots=True, eq=False)
class MapReading:
    """One algorithm's answer for one picture.

    Attributes
    ----------
    algorithm
        Which.
    values
        (y, x) signed; NaN while it has not arrived.
    caption
        What it adds up to, and how good that is.
    tip
        The same with all digits.
    verdict
        "good", "fair", "poor" or "".
    """

    algorithm: Algorithm
    values: Floats
    caption: str
    tip: str
    verdict: str

    @property
    def arrived(self) -> bool:
        """True if all of the map is there."""
        return bool(np.isfinite(self.values).all())


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Everything a run says about one picture.

    Attributes
    ----------
    run
        The run.
    row
        Of the picture in the run.
    """

    run: Run
    row: int

    @property
    def picture(self) -> Floats:
        """(channel, y, x) as the network saw it, 0 to 1."""
        return np.asarray(self.run.result["picture"][self.row], dtype=np.float64)

    @property
    def place(self) -> int:
        """Place of the picture in its source."""
        return int(self.run.result["place"][self.row])

    def maps(self) -> tuple[MapReading, ...]:
        """Return the answers of all algorithms of the run, in the order of the list."""
        names = self.run.result.names("algorithm")
        return tuple(self._map(item, names.index(item.name)) for item in ALGORITHMS if item.name in names)

    def _map(self, item: Algorithm, row: int) -> MapReading:
        result = self.run.result
        values = np.asarray(result["attribution"][row, self.row], dtype=np.float64)
        total = float(result["attribution_sum"][row, self.row])
        delta = float(result["convergence_delta"][row, self.row]) if "convergence_delta" in result else float("nan")
        difference = float(result["difference"][self.row]) if "difference" in result else float("nan")
        verdict = delta_words(relative_delta(delta, difference))
        if not verdict:
            return MapReading(item, values, "", item.summary, "")
        share = numbers.percent(relative_delta(delta, difference)) if difference else numbers.NOTHING
        caption = f"delta {share}: {verdict}"
        tip = f"{item.summary}\n{DELTA}\nsum {total:.6g}, difference {difference:.6g}, delta {delta:.3g}"
        return MapReading(item, values, caption, tip, verdict)

    def words(self) -> str:
        """Say what the network takes the picture for, and which class is explained."""
        result = self.run.result
        classes = result.names("class")

        def name(number: int) -> str:
            return classes[number] if 0 <= number < len(classes) else f"class {number}"

        prediction, target = int(result["prediction"][self.row]), int(result["target"][self.row])
        words = [f"predicted {name(prediction)}, {numbers.percent(float(result['confidence'][self.row]))}"]
        if "label" in result and result["label"][self.row] >= 0:
            label = int(result["label"][self.row])
            words.append("right" if label == prediction else f"label {name(label)}")
        words.append(f"explained: {name(target)}, score {_short(float(result['target_score'][self.row]))}")
        return " · ".join(words)


def _short(value: float) -> str:
    return numbers.short(value) if np.isfinite(value) else numbers.NOTHING


def fits(run: Run, workspace: Workspace) -> bool:
    """Tell whether a run is of the network, the edits and the pictures that are open, and has something to show."""
    asked, shown = run.request, workspace.new_request(METHOD)
    if asked.method != METHOD or not run.result.declared or not run.result.arrived.get("picture"):
        return False
    return (asked.model, asked.images, asked.edits) == (shown.model, shown.images, shown.edits)


def explanation(workspace: Workspace, sample: int) -> Explanation | None:
    """Return the newest answer for a picture; for no picture (-1), the first of the newest run."""
    found = [run for run in workspace.runs.values() if fits(run, workspace)]
    for run in sorted(found, key=lambda run: (run.began, run.number), reverse=True):
        places = run.result["place"].tolist()
        if sample < 0 and places:
            return Explanation(run, 0)
        if sample in places:
            return Explanation(run, places.index(sample))
    return None


def second_explanation(workspace: Workspace, place: int) -> tuple[str, Explanation | None, str] | None:
    """Find what the network that is compared with says of a picture.

    Returns
    -------
    tuple[str, Explanation | None, str] or None
        Its name; its newest answer for the picture; why there is none. None if nothing is compared.
    """
    compared = compared_run(workspace)
    if compared is None:
        return None
    name = network_name(compared)
    if compared.request.model is not None and compared.request.model == workspace.shown_model:
        return None
    runs = [run for run in compared_runs(workspace, METHOD) if run.result.arrived.get("picture")]
    if not runs:
        return name, None, f"{name} has no attributions yet: open it and explain this picture."
    same = [run for run in runs if run.request.images == workspace.images]
    found = next((run for run in same if place in run.result["place"].tolist()), None)
    if found is None:
        why = "has not explained this picture" if same else "was explained on other pictures"
        return name, None, f"{name} {why}."
    return name, Explanation(found, found.result["place"].tolist().index(place)), ""


def request(workspace: Workspace, wish: Wish, sample: int) -> Request:
    """Make the request that explains one picture."""
    return replace(workspace.new_request(METHOD, **wish.params(sample)), limit=0)


def seconds(workspace: Workspace, wish: Wish) -> float:
    """Estimate how long one picture takes: passes of the network, each with its way back."""
    macs = sum(layer.macs for layer in workspace.layers)
    speed = 3e11 if workspace.compute.device.startswith(("cuda", "mps")) else 8e9
    passes = {"integrated_gradients": wish.steps, "layer_conductance": wish.steps, "occlusion": 225 / 3}
    return 3 * macs * sum(passes.get(name, 1) for name in wish.algorithms) / speed


def reaches(maps: tuple[MapReading, ...], shared: bool) -> tuple[float, ...]:
    """Return the end of the colour scale of each map: its own, or the same for all."""
    if shared:
        fine = [item.values.ravel() for item in maps if item.arrived]
        end = scale_of(np.concatenate(fine)) if fine else 1.0
        return tuple(end for _ in maps)
    return tuple(scale_of(item.values) for item in maps)
