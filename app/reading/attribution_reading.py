"""What runs of `attribution` say about one picture, and which run to ask for. No widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from analysis.catalogue import Value
from analysis.measures.attributions import ALGORITHMS, Algorithm, algorithm, delta_words, relative_delta, scale_of
from analysis.problems import Problem
from analysis.request import Request
from app.reading import numbers
from app.reading.comparing import compared_run, compared_runs, is_open_network, network_name
from app.reading.depth import Floats
from app.workspace import Run, Workspace

METHOD = "attribution"
DEFAULT = ("saliency", "integrated_gradients", "grad_cam")
PATIENCE = 3.0
"""Seconds that explaining another picture may take without having been asked for."""
INTEGRALS = ("integrated_gradients", "layer_conductance")
WITH_BASELINE = (*INTEGRALS, "deep_lift", "occlusion")
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
    window, stride
        Of occlusion, in pixels; 0 for the engine's choice.
    """

    algorithms: tuple[str, ...] = DEFAULT
    target: str = "predicted"
    layer: str = ""
    baseline: str = "zero"
    steps: int = 50
    window: int = 0
    stride: int = 0

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
        if "occlusion" in self.algorithms:
            given |= {name: value for name in ("window", "stride") if (value := getattr(self, name))}
        return given

    @property
    def layered(self) -> bool:
        """True if one of the algorithms looks at a layer."""
        return any(algorithm(name).layered for name in self.algorithms)


def settings_of(name: str) -> tuple[str, ...]:
    """Name the settings that an algorithm's map depends on, apart from picture and class.

    Examples
    --------
    >>> settings_of("saliency"), settings_of("layer_conductance")
    ((), ('layer', 'baseline', 'steps'))
    """
    found = ["layer"] if algorithm(name).layered else []
    found += ["baseline"] if name in WITH_BASELINE else []
    found += ["steps"] if name in INTEGRALS else []
    return (*found, *(("window", "stride") if name == "occlusion" else ()))


PLAIN = Wish()
"""What a run does where nothing is said."""


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
    run
        Where it comes from.
    """

    algorithm: Algorithm
    values: Floats
    caption: str
    tip: str
    verdict: str
    run: Run

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
            return MapReading(item, values, "", item.summary, "", self.run)
        share = numbers.percent(relative_delta(delta, difference)) if difference else numbers.NOTHING
        caption = f"delta {share}: {verdict}"
        tip = f"{item.summary}\n{DELTA}\nsum {total:.6g}, difference {difference:.6g}, delta {delta:.3g}"
        return MapReading(item, values, caption, tip, verdict, self.run)

    def explains(self, target: str) -> bool:
        """Tell whether the class that is explained is the one asked for: a word of the form, a name, or a number."""
        result, classes = self.run.result, self.run.result.names("class")
        number = int(result["target"][self.row])
        if target in ("predicted", "label"):
            name = {"predicted": "prediction"}.get(target, target)
            return name in result and int(result[name][self.row]) == number
        return target in (classes[number] if 0 <= number < len(classes) else "", str(number))

    def words(self) -> str:
        """Say what the network takes the picture for, and which class is explained."""
        result = self.run.result
        classes = result.names("class")

        def name(number: int) -> str:
            return classes[number] if 0 <= number < len(classes) else f"class {number}"

        prediction, target = int(result["prediction"][self.row]), int(result["target"][self.row])
        words = [f"predicted {name(prediction)}, confidence {numbers.percent(float(result['confidence'][self.row]))}"]
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


def explanations(workspace: Workspace, sample: int) -> list[Explanation]:
    """Return all answers for a picture, newest first; for no picture (-1), those for the first of the newest run."""
    runs = [run for run in workspace.runs.values() if fits(run, workspace)]
    runs.sort(key=lambda run: (run.began, run.number), reverse=True)
    if sample < 0:
        sample = next((int(run.result["place"][0]) for run in runs), -1)
    places = [(run, run.result["place"].tolist()) for run in runs]
    return [Explanation(run, listed.index(sample)) for run, listed in places if sample in listed]


def explanation(workspace: Workspace, sample: int, target: str = "") -> Explanation | None:
    """Return the newest answer for a picture, of the class that is asked for if there is one."""
    found = explanations(workspace, sample)
    return next((one for one in found if target and one.explains(target)), found[0] if found else None)


def gathered(workspace: Workspace, found: Explanation, wish: Wish) -> tuple[MapReading, ...]:
    """Return the wanted maps of a picture from all runs that explain the same class, in the order of the list.

    Of several the one with the settings that are wanted comes first, then one that has arrived, that is stored, and
    that is newest.
    """
    target = int(found.run.result["target"][found.row])
    best: dict[str, tuple[tuple[bool, bool, bool], MapReading]] = {}
    for one in explanations(workspace, found.place):
        if int(one.run.result["target"][one.row]) != target:
            continue
        for item in one.maps():
            rank = (not other_settings(item, wish), item.arrived, item.run.folder is not None)
            if item.algorithm.name not in best or rank > best[item.algorithm.name][0]:
                best[item.algorithm.name] = rank, item
    return tuple(best[item.name][1] for item in ALGORITHMS if item.name in wish.algorithms and item.name in best)


def other_settings(item: MapReading, wish: Wish) -> list[str]:
    """Name the settings of a map that are not those that are wanted now."""
    asked = dict(item.run.request.params)
    now = {name: getattr(wish, name) for name in settings_of(item.algorithm.name)}
    return [name for name, value in now.items() if asked.get(name, getattr(PLAIN, name)) != value]


def facts_of(maps: tuple[MapReading, ...]) -> list[str]:
    """Say with which baseline, layer, steps and windows the maps were computed, each where a map depends on it."""
    needs = {"baseline": "baseline", "layer": "layer", "steps": "steps", "occlusion": "window"}
    words = []
    for fact, setting in needs.items():
        found = [
            item.run.result.facts[fact]
            for item in maps
            if setting in settings_of(item.algorithm.name) and fact in item.run.result.facts
        ]
        words += [f"{fact} {' and '.join(dict.fromkeys(found))}"] if found else []
    return words


def failure(workspace: Workspace, wish: Wish, sample: int) -> Problem | None:
    """Return why the newest run that asked what is asked now failed, None if it did not."""
    runs = [run for run in workspace.runs.values() if run.request == request(workspace, wish, sample)]
    newest = max(runs, key=lambda run: run.number, default=None)
    if newest is None or newest.state != "failed" or newest.result.finished is None:
        return None
    return newest.result.finished.problem


def second_explanation(workspace: Workspace, place: int) -> tuple[str, Explanation | None, str] | None:
    """Find what the network that is compared with says of a picture.

    Returns
    -------
    tuple[str, Explanation | None, str] or None
        Its name; its newest answer for the picture; why there is none. None if nothing is compared. A network and
        what was made of it by editing are two networks.
    """
    compared = compared_run(workspace)
    if compared is None:
        return None
    name = network_name(compared)
    if is_open_network(workspace, compared):
        return name, None, f"{name}: not compared, because it is the network that is shown."
    runs = [run for run in compared_runs(workspace, METHOD) if run.result.arrived.get("picture")]
    if not runs:
        return name, None, f"{name} has no attributions yet."
    same = [run for run in runs if run.request.images == workspace.images]
    found = next((run for run in same if place in run.result["place"].tolist()), None)
    if found is None:
        why = "has not explained this picture" if same else "was explained on other pictures"
        return name, None, f"{name} {why}."
    return name, Explanation(found, found.result["place"].tolist().index(place)), ""


def request(workspace: Workspace, wish: Wish, sample: int) -> Request:
    """Make the request that explains one picture."""
    return replace(workspace.new_request(METHOD, **wish.params(sample)), limit=0)


def _windows(workspace: Workspace, wish: Wish) -> int:
    """Return how many squares occlusion covers."""
    side = next((min(layer.shape[1:]) for layer in workspace.layers if layer.kind == "input" and layer.shape[1:]), 32)
    window = min(wish.window or max(1, side // 8), side)
    stride = wish.stride or max(1, window // 2)
    return int(ceil((side - window) / stride) + 1) ** 2


def seconds(workspace: Workspace, wish: Wish) -> float:
    """Estimate how long one picture takes: passes of the network, each with its way back."""
    macs = sum(layer.macs for layer in workspace.layers)
    speed = 3e11 if workspace.compute.device.startswith(("cuda", "mps")) else 8e9
    passes: dict[str, float] = {"integrated_gradients": wish.steps, "layer_conductance": wish.steps}
    passes["occlusion"] = _windows(workspace, wish) / 3  # without a way back
    return 3 * macs * sum(passes.get(name, 1) for name in wish.algorithms) / speed


def reaches(maps: tuple[MapReading, ...], shared: bool) -> tuple[float, ...]:
    """Return the end of the colour scale of each map: its own, or the same for all."""
    if shared:
        fine = [item.values.ravel() for item in maps if item.arrived]
        end = scale_of(np.concatenate(fine)) if fine else 1.0
        return tuple(end for _ in maps)
    return tuple(scale_of(item.values) for item in maps)
