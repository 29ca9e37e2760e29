"""What runs of `attribution` say about a picture. No widgets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.measures.attributions import ALGORITHMS, Algorithm, delta_words, relative_delta, scale_of
from app.reading import numbers
from app.reading.attribution_wish import DEFAULT as DEFAULT
from app.reading.attribution_wish import PLAIN as PLAIN
from app.reading.attribution_wish import Wish as Wish
from app.reading.attribution_wish import settings_of
from app.reading.comparing import compared_run, compared_runs, is_open_network, network_name
from app.reading.depth import Floats
from app.workspace import Run, Workspace

METHOD = "attribution"
DELTA = "Sum of the attribution less the difference between the scores of picture and baseline; ideally 0."


@dataclass(frozen=True, slots=True, eq=False)
class MapReading:
    """One algorithm's answer for one picture.

    Attributes
    ----------
    algorithm
        Which.
    values
        (y, x), signed but for algorithms whose values are magnitudes; NaN while it has not arrived.
    caption
        What it adds up to, and how good that is.
    tip
        The same with all digits.
    verdict
        "good", "fair", "poor" or "".
    run
        Where it comes from.
    row
        Of the picture in the run.
    share
        Convergence delta relative to the difference; NaN where there is none.
    """

    algorithm: Algorithm
    values: Floats
    caption: str
    tip: str
    verdict: str
    run: Run
    row: int
    share: float

    @property
    def arrived(self) -> bool:
        """True if all of the map is there."""
        return bool(np.isfinite(self.values).all())

    @property
    def lack(self) -> str:
        """Why there is no map, "" if there is one."""
        if self.arrived:
            return ""
        name = f"{self.algorithm.title} of picture {int(self.run.result['place'][self.row])}"
        if any(one.code == "non_finite" and name in one.items for one in self.run.result.warnings):
            return "Not finite: the scores or their gradients are not."
        return "…" if self.run.open else "Ended before this map."

    @property
    def by_color(self) -> Floats | None:
        """(channel, y, x) signed parts that the map was put together from, None where they are not kept."""
        result = self.run.result
        if "attribution_by_channel" not in result:
            return None
        kept = result["attribution_by_channel"][result.names("algorithm").index(self.algorithm.name), self.row]
        return np.asarray(kept, dtype=np.float64) if np.isfinite(kept).all() else None

    def units(self, most: int) -> tuple[tuple[int, float], ...]:
        """Return the channels of the layer that weigh most, as (channel, conductance); empty for other algorithms."""
        result = self.run.result
        if self.algorithm.name != "layer_conductance" or "channel_conductance" not in result:
            return ()
        values = np.asarray(result["channel_conductance"][self.row], dtype=np.float64)
        if not np.isfinite(values).all():
            return ()
        strongest = np.argsort(-np.abs(values), kind="stable")[:most]
        return tuple((int(unit), float(values[unit])) for unit in strongest if values[unit])


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
        relative = relative_delta(delta, difference)
        verdict = delta_words(relative)
        if not verdict:
            return MapReading(item, values, "", item.summary, "", self.run, self.row, float("nan"))
        share = numbers.percent(relative) if difference else numbers.NOTHING
        caption = f"delta {share}: {verdict}"
        parts = f"sum {total:.6g}, difference {difference:.6g}, delta {delta:.3g}".replace("-", "−")
        tip = f"{item.summary}\n{DELTA}\n{parts}"
        return MapReading(item, values, caption, tip, verdict, self.run, self.row, relative)

    def explains(self, target: str) -> bool:
        """Tell whether the class that is explained is the one asked for: a word of the form, a name, or a number."""
        result, classes = self.run.result, self.run.result.names("class")
        number = int(result["target"][self.row])
        if target in ("predicted", "label"):
            name = {"predicted": "prediction"}.get(target, target)
            return name in result and int(result[name][self.row]) == number
        return target in (classes[number] if 0 <= number < len(classes) else "", str(number))

    def class_name(self, number: int) -> str:
        """Return the name of a class."""
        classes = self.run.result.names("class")
        return classes[number] if 0 <= number < len(classes) else f"class {number}"

    def number(self, output: str) -> int:
        """Return the predicted, the true or the explained class; -1 where there is none."""
        result = self.run.result
        return int(result[output][self.row]) if output in result else -1

    @property
    def confidence(self) -> str:
        """Softmax of the prediction, in words."""
        return numbers.percent(float(self.run.result["confidence"][self.row]))

    def words(self) -> str:
        """Say what the network takes the picture for, and which class is explained."""
        prediction, label, target = (self.number(name) for name in ("prediction", "label", "target"))
        words = [f"predicted {self.class_name(prediction)}, confidence {self.confidence}"]
        if label >= 0:
            words.append("right" if label == prediction else f"label {self.class_name(label)}")
        score = _short(float(self.run.result["target_score"][self.row]))
        words.append(f"explained: {self.class_name(target)}, score {score}")
        return " · ".join(words)

    def lines(self) -> tuple[tuple[str, ...], bool]:
        """Say the same in short lines, and whether the prediction is known to be wrong."""
        prediction, label, target = (self.number(name) for name in ("prediction", "label", "target"))
        wrong = 0 <= label != prediction
        mark = "✗ " if wrong else ""
        lines = [f"{mark}{self.class_name(prediction)}", self.confidence]
        lines += [f"label {self.class_name(label)}"] if wrong else []
        lines += [f"explains {self.class_name(target)}"] if target != prediction else []
        return tuple(lines), wrong


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


def reaches(maps: tuple[MapReading, ...], shared: bool) -> tuple[float, ...]:
    """Return the end of the colour scale of each map: its own, or the same for all."""
    if shared:
        fine = [item.values.ravel() for item in maps if item.arrived]
        end = scale_of(np.concatenate(fine)) if fine else 1.0
        return tuple(end for _ in maps)
    return tuple(scale_of(item.values) for item in maps)
