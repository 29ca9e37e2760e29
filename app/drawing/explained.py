"""What has been explained, as panes of a board and as rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from analysis.measures.attributions import algorithm
from app.drawing.attribution_pane import Pane
from app.drawing.attribution_row import Row
from app.reading import numbers
from app.reading.attribution_answers import Answer
from app.reading.attribution_reading import MapReading, reaches
from app.reading.attribution_wish import Wish
from app.reading.depth import Floats

AS_SEEN = "As the network saw it, before its mean was taken off."
NOT_YET = "Not computed. Press Explain."


def ends_of(answers: Iterable[Answer], shared: bool) -> dict[MapReading, float]:
    """Return the end of the colour scale of each map: its own, or the same for all of a network."""
    ends: dict[MapReading, float] = {}
    by_network: dict[str, list[MapReading]] = {}
    for one in answers:
        by_network.setdefault(one.network, []).extend(one.maps.values())
    for maps in by_network.values():
        ends |= dict(zip(maps, reaches(tuple(maps), shared), strict=True))
    return ends


def map_panes(one: Answer, wish: Wish, ends: Mapping[MapReading, float], brief: bool = False) -> list[Pane]:
    """Return one pane for each algorithm that is wanted.

    Parameters
    ----------
    brief
        True for captions of a table, which say the delta alone.
    """
    panes = []
    picture = one.found.picture if one.network else None
    for name in wish.algorithms:
        title, item = algorithm(name).title, one.maps.get(name)
        if item is None:
            panes.append(Pane(title, note=f"Not computed of {one.network}." if one.network else NOT_YET))
        elif not item.arrived:
            panes.append(Pane(title, note=item.lack))
        else:
            panes.append(map_pane(item, ends[item], one.network, picture, brief))
    return panes


def map_pane(item: MapReading, end: float, network: str, picture: Floats | None, brief: bool) -> Pane:
    """Return the pane of a map that has arrived."""
    caption = numbers.percent(item.share) if brief and item.verdict else item.caption
    tip = "\n".join(part for part in (network, item.tip) if part)
    signed = item.algorithm.signed
    title = item.algorithm.title
    return Pane(title, caption, item.values, end, "", item.verdict, tip, picture, signed, item.by_color)


def board_panes(answers: Sequence[Answer], wish: Wish, shared: bool) -> tuple[Pane, ...]:
    """Return the panes of one picture: of the open network, then as many of a second one."""
    panes: list[Pane] = []
    ends = ends_of(answers, shared)
    for one in answers:
        first = Pane("Picture", tip=AS_SEEN)
        if one.network:
            name = "" if one.found.one_output else one.found.class_name(one.found.number("prediction"))
            said = f"{name} {one.found.confidence}".strip()
            first = Pane(one.network, said, picture=one.found.picture, tip=one.found.words())
        panes += [first, *map_panes(one, wish, ends)]
    return tuple(panes)


def title_panes(wish: Wish, ends: Mapping[MapReading, float]) -> tuple[Pane, ...]:
    """Return the titles of a table, with the end of the scale where all maps have one."""
    reach = max(ends.values(), default=1.0)
    items = [algorithm(name) for name in wish.algorithms]
    return tuple(Pane(item.title, tip=item.summary, signed=item.signed, reach=reach) for item in items)


def table_rows(
    places: Sequence[int], answers: Mapping[int, Sequence[Answer]], wish: Wish, shared: bool, lack: str
) -> tuple[tuple[Pane, ...], tuple[Row, ...], bool]:
    """Return titles and rows of a table, and whether all maps have one scale, which then stands at the titles.

    Two networks have a shared scale each: what either ends at stands below its maps then.

    Parameters
    ----------
    places
        Of the pictures, in the order in which they are shown.
    answers
        By place: of the open network, then of a second one; nothing for a picture that is not explained.
    lack
        What is said of a picture that is not explained.
    """
    ends = ends_of([one for place in places for one in answers.get(place, ())], shared)
    rows: list[Row] = []
    for place in places:
        found = answers.get(place, ())
        if not found:
            panes = tuple(Pane(algorithm(name).title, note=lack) for name in wish.algorithms)
            rows.append(Row(place, (f"#{place}",), panes))
        rows += [_row(place, one, wish, ends) for one in found]
    return title_panes(wish, ends), tuple(rows), shared and len({*ends.values()}) <= 1


def _row(place: int, one: Answer, wish: Wish, ends: Mapping[MapReading, float]) -> Row:
    panes = tuple(map_panes(one, wish, ends, brief=True))
    lines, wrong = one.found.lines()
    sources = ((item.run.number, item.row, item.arrived) for item in one.maps.values())
    key = (place, one.network, one.found.run.number, wish.algorithms, *sources)
    words = (one.network or f"#{place}", *lines)
    return Row(place, words, panes, one.found.picture, one.found.words(), wrong, bool(one.network), key)
