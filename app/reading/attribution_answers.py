"""What is known of the pictures that are shown: answers of the open network and of a second one, and words for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.reading import attribution_asking as asking
from app.reading import attribution_reading as reading
from app.reading import conditions, numbers
from app.reading.attribution_reading import Explanation, MapReading
from app.reading.attribution_wish import Wish
from app.workspace import Run, Workspace

SENTENCE = (
    "Attribution shows which pixels of a picture speak for a class and which against it, by several algorithms side "
    "by side."
)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one network says of one picture.

    Attributes
    ----------
    found
        Where it says so.
    maps
        Those that are wanted, by name of their algorithm.
    network
        Name of a second network, "" for the open one.
    """

    found: Explanation
    maps: Mapping[str, MapReading]
    network: str = ""

    @property
    def words(self) -> str:
        """What the network takes the picture for, and which class is explained."""
        return f"{self.network}: {self.found.words()}" if self.network else self.found.words()


Answers = dict[int, list[Answer]]
"""By place of the picture: of the open network, then of a second one; nothing for what is not explained."""


def answers_of(workspace: Workspace, wish: Wish, places: Iterable[int]) -> Answers:
    """Return what is known of some pictures."""
    found: Answers = {}
    known, second = reading.explained_here(workspace), reading.second_network(workspace)
    for place in places:
        own = reading.newest(known, place, wish.target)
        if own is None:
            continue
        found[place] = [_answer(own, reading.gathered(known, own, wish))]
        name, other, _ = second.explanation(place) if second is not None else ("", None, "")
        if other is not None:
            found[place].append(_answer(other, other.maps(wish.algorithms), name))
    return found


def _answer(found: Explanation, maps: Iterable[MapReading], network: str = "") -> Answer:
    return Answer(found, {item.algorithm.name: item for item in maps}, network)


def all_of(answers: Answers) -> list[Answer]:
    """Return all answers, picture by picture."""
    return [one for found in answers.values() for one in found]


def own_of(answers: Answers) -> list[Answer]:
    """Return the answers of the open network."""
    return [found[0] for found in answers.values()]


def maps_of(answers: Iterable[Answer]) -> tuple[MapReading, ...]:
    """Return all maps of some answers."""
    return tuple(item for one in answers for item in one.maps.values())


def runs_of(answers: Iterable[Answer]) -> dict[int, Run]:
    """Return the runs behind some answers, by their numbers."""
    runs: dict[int, Run] = {}
    for one in answers:
        runs |= {run.number: run for run in [item.run for item in one.maps.values()] or [one.found.run]}
    return runs


def counts(pictures: int, own: Sequence[Answer]) -> str:
    """Say how many of some pictures are explained, and how many of these the network gets right."""
    found = [one.found for one in own]
    explained = f"{len(found):,} of {pictures:,} pictures explained"
    words = [f"{pictures:,} pictures" if len(found) == pictures else explained]
    known = [one for one in found if one.number("label") >= 0 and not one.one_output]
    if known:
        right = sum(one.number("label") == one.number("prediction") for one in known)
        words.append(f"{right:,} right, {len(known) - right:,} wrong")
    targets = {one.class_name(one.number("target")) for one in found}
    words += [f"explained: {target}" for target in targets if len(targets) == 1]
    return " · ".join(words)


def badges(workspace: Workspace, wish: Wish, own: Sequence[Answer], unknown: str, failed: str) -> str:
    """Say what must not be overlooked: about the runs that are shown, why one failed, and other choices.

    Parameters
    ----------
    unknown
        Why the class that is wanted is none, "" if it is one.
    failed
        Why there is no answer to what is wanted now, "" if there may be one.
    """
    words = [unknown]
    for run in runs_of(own).values():
        words += conditions.badges(run, workspace.edits)
        problem = run.result.finished.problem if run.result.finished is not None else None
        words += [problem.message] if problem is not None else []
    words.append(failed)
    other = ["target"] if any(not (one.found.run.open or one.found.explains(wish.target)) for one in own) else []
    for item in maps_of(own):
        other += [] if item.run.open else reading.other_settings(item, wish)
    if other and not unknown and not failed:
        words.append(f"computed with another {' and '.join(dict.fromkeys(other))}: press Explain")
    return " · ".join(dict.fromkeys(word for word in words if word))


def failure_words(workspace: Workspace, wish: Wish, places: Sequence[int]) -> str:
    """Say why the newest run that asked what is asked now failed, "" if it did not."""
    problem = asking.failure(workspace, wish, places)
    return str(problem) if problem is not None else ""


def lack_words(workspace: Workspace, wish: Wish, place: int, busy: Run | None) -> str:
    """Say why a picture has no maps.

    Parameters
    ----------
    busy
        The run that explains it now.
    """
    if busy is not None:
        return f"Explaining picture #{place} …"
    failed = failure_words(workspace, wish, (place,))
    if failed:
        return f"Picture #{place} could not be explained. {failed}"
    if reading.explained_here(workspace):
        return f"Picture #{place} has not been explained yet."
    took = asking.seconds(workspace, wish)
    note = f" It takes about {numbers.duration(took)} on {workspace.compute.device}." if took else ""
    return f"{SENTENCE} Press Explain.{note}"
