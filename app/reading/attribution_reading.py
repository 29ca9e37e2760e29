"""What runs of `attribution` say about a picture. No widgets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.measures.attributions import ALGORITHMS, NAMES, Algorithm, delta_words, relative_delta, scale_of
from app.reading import numbers
from app.reading.attribution_wish import DEFAULT as DEFAULT
from app.reading.attribution_wish import PLAIN as PLAIN
from app.reading.attribution_wish import Wish as Wish
from app.reading.attribution_wish import settings_of
from app.reading.comparing import compared_run, compared_runs, is_open_network, network_name
from app.reading.depth import Floats, shown_name
from app.workspace import Run, Workspace

METHOD = "attribution"
DELTA = "Sum of the attribution less the difference between the scores of picture and baseline; ideally 0."


@dataclass(frozen=True, eq=False)  # without slots, so that the end of its scale can be kept
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

    @cached_property
    def end(self) -> float:
        """End of a colour scale of its own."""
        return scale_of(self.values)

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

    def maps(self, wanted: Collection[str] = NAMES) -> tuple[MapReading, ...]:
        """Return what the run has of the algorithms that are wanted, in the order of the list."""
        names = self.run.result.names("algorithm")
        there = (item for item in ALGORITHMS if item.name in names and item.name in wanted)
        return tuple(self._map(item, names.index(item.name)) for item in there)

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
        """Softmax of the prediction, in words; of a network with one output, which has none, the output."""
        return self._output if self.one_output else numbers.share(float(self.run.result["confidence"][self.row]))

    @property
    def one_output(self) -> bool:
        """True if the network has a single output: a number, not a choice of classes, and no confidence."""
        return "one output" in self.run.result.facts

    @property
    def _output(self) -> str:
        return f"output {_short(float(self.run.result['target_score'][self.row]))}"

    def words(self) -> str:
        """Say what the network takes the picture for, and which class is explained."""
        prediction, label, target = (self.number(name) for name in ("prediction", "label", "target"))
        if self.one_output:
            return f"explained: the network's one {self._output}"
        words = [f"predicted {self.class_name(prediction)}, confidence {self.confidence}"]
        if label >= 0:
            words.append("right" if label == prediction else f"label {self.class_name(label)}")
        score = _short(float(self.run.result["target_score"][self.row]))
        words.append(f"explained: {self.class_name(target)}, score {score}")
        return " · ".join(words)

    def lines(self) -> tuple[tuple[str, ...], bool]:
        """Say the same in short lines, and whether the prediction is known to be wrong."""
        if self.one_output:
            return (self._output,), False
        prediction, label, target = (self.number(name) for name in ("prediction", "label", "target"))
        wrong = 0 <= label != prediction
        mark = "✗ " if wrong else ""
        lines = [f"{mark}{self.class_name(prediction)}", self.confidence]
        lines += [f"label {self.class_name(label)}"] if wrong else []
        lines += [f"explains {self.class_name(target)}"] if target != prediction else []
        return tuple(lines), wrong


def _short(value: float) -> str:
    return numbers.short(value) if np.isfinite(value) else numbers.NOTHING


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """The pictures that a run explains.

    Attributes
    ----------
    run
        The run.
    rows
        Row of each picture in the run, by its place in the source.
    """

    run: Run
    rows: dict[int, int]

    @staticmethod
    def of(run: Run) -> Explained:
        """List the pictures of a run; of one that it names twice, the first row."""
        places = run.result["place"].tolist()
        return Explained(run, {place: row for row, place in reversed([*enumerate(places)])})


def explained_here(workspace: Workspace) -> list[Explained]:
    """List the runs of network, edits and pictures that are open which have something to show, newest first."""
    shown = workspace.new_request(METHOD)
    runs = [
        run
        for run in workspace.runs.values()
        if run.request.method == METHOD
        and (run.request.model, run.request.images, run.request.edits) == (shown.model, shown.images, shown.edits)
        and run.result.declared
        and run.result.arrived.get("picture")
    ]
    runs.sort(key=lambda run: (run.began, run.number), reverse=True)
    return [Explained.of(run) for run in runs]


def explanations(known: Sequence[Explained], sample: int) -> list[Explanation]:
    """Return all answers for a picture, newest first; for no picture (-1), those for the first of the newest run."""
    if sample < 0:
        sample = next((int(one.run.result["place"][0]) for one in known), -1)
    return [Explanation(one.run, one.rows[sample]) for one in known if sample in one.rows]


def newest(known: Sequence[Explained], sample: int, target: str = "") -> Explanation | None:
    """Return the newest answer for a picture, of the class that is asked for if there is one."""
    found = explanations(known, sample)
    return next((one for one in found if target and one.explains(target)), found[0] if found else None)


def explanation(workspace: Workspace, sample: int, target: str = "") -> Explanation | None:
    """Return the newest answer of what is open for a picture, of the class that is asked for if there is one."""
    return newest(explained_here(workspace), sample, target)


def gathered(known: Sequence[Explained], found: Explanation, wish: Wish) -> tuple[MapReading, ...]:
    """Return the wanted maps of a picture from all runs that explain the same class, in the order of the list.

    Of several the one with the settings that are wanted comes first, then one that has arrived, that is stored, and
    that is newest.
    """
    target = int(found.run.result["target"][found.row])
    best: dict[str, tuple[tuple[bool, bool, bool], MapReading]] = {}
    for one in explanations(known, found.place):
        if int(one.run.result["target"][one.row]) != target:
            continue
        for item in one.maps(wish.algorithms):
            rank = (not other_settings(item, wish), item.arrived, item.run.folder is not None)
            if item.algorithm.name not in best or rank > best[item.algorithm.name][0]:
                best[item.algorithm.name] = rank, item
    return tuple(best[item.name][1] for item in ALGORITHMS if item.name in best)


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
            shown_name(item.run.result.facts[fact])
            for item in maps
            if setting in settings_of(item.algorithm.name) and fact in item.run.result.facts
        ]
        words += [f"{fact} {' and '.join(dict.fromkeys(found))}"] if found else []
    return words


@dataclass(frozen=True, slots=True, eq=False)
class Second:
    """The network that is compared with.

    Attributes
    ----------
    name
        What it is called.
    known
        Its runs on the pictures that are open: the one that is compared with, then the newest.
    why
        Why a picture that none of them holds has no answer.
    """

    name: str
    known: tuple[Explained, ...]
    why: str

    def explanation(self, place: int) -> tuple[str, Explanation | None, str]:
        """Return its name; its newest answer for a picture; why there is none."""
        found = next((one for one in self.known if place in one.rows), None)
        if found is None:
            return self.name, None, self.why
        return self.name, Explanation(found.run, found.rows[place]), ""


def second_network(workspace: Workspace) -> Second | None:
    """Find the network that is compared with, None if nothing is.

    A network and what was made of it by editing are two networks.
    """
    compared = compared_run(workspace)
    if compared is None:
        return None
    name = network_name(compared)
    if is_open_network(workspace, compared):
        return Second(name, (), f"{name}: not compared, because it is the network that is shown.")
    runs = [run for run in compared_runs(workspace, METHOD) if run.result.arrived.get("picture")]
    if not runs:
        return Second(name, (), f"{name} has no attributions yet.")
    same = tuple(Explained.of(run) for run in runs if run.request.images == workspace.images)
    why = "has not explained this picture" if same else "was explained on other pictures"
    return Second(name, same, f"{name} {why}.")


def second_explanation(workspace: Workspace, place: int) -> tuple[str, Explanation | None, str] | None:
    """Find what the network that is compared with says of a picture: see :meth:`Second.explanation`.

    None if nothing is compared.
    """
    second = second_network(workspace)
    return second.explanation(place) if second is not None else None


def reaches(maps: tuple[MapReading, ...], shared: bool) -> tuple[float, ...]:
    """Return the end of the colour scale of each map: its own, or the same for all."""
    if shared:
        fine = [item.values.ravel() for item in maps if item.arrived]
        end = scale_of(np.concatenate(fine)) if fine else 1.0
        return tuple(end for _ in maps)
    return tuple(item.end for item in maps)
