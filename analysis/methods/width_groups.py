"""Width groups: which channels of a network are tied, which widths are legal, and what a configuration costs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.catalogue import MethodInfo
from analysis.events import Chunk, Declared, Output
from analysis.job import Job, Step
from analysis.measures.widths.description import WidthGroups, to_bytes
from analysis.surgery.dissecting import dissect

INFO = MethodInfo(
    name="width_groups",
    title="Width groups",
    summary="Which channels are tied together, which widths are legal, and why others are locked.",
    needs=frozenset({"model"}),
    trained=False,
)

COLUMNS = (  # name, unit, title
    ("width", "channels", "Width"),
    ("minimum", "channels", "Least legal width, 0 for locked groups"),
    ("step", "channels", "Widths are multiples of this, 0 for locked groups"),
)


def run(job: Job) -> Iterator[Step]:
    """Give the numbers of each group, and the whole description for whoever edits."""
    model, whole = job.model, job.request.edits.grouped == "whole"
    found: WidthGroups = dissect(model.net, model.input_shape, model.name, whole=whole).groups
    size, description = len(found.groups), to_bytes(found)
    outputs = (
        *(Output(name, ("group",), (size,), "int64", unit, title) for name, unit, title in COLUMNS),
        Output("locked", ("group",), (size,), "uint8", "", "Locked"),
        Output("variables", (), (), "int64", "", "Variables"),
        Output("clusters", (), (), "int64", "", "Clusters of groups with a common producer"),
        Output("description", ("byte",), (description.size,), "uint8", "", "The description as JSON text"),
    )
    facts = tuple((f"note {place}", note) for place, note in enumerate(found.notes, start=1))
    names = (("group", tuple(group.name for group in found.groups)),)
    yield Declared(outputs, job.model.recording.layers, names=names, facts=facts)
    for name, _, _ in COLUMNS:
        yield Chunk(name, (), np.array([getattr(group, name) for group in found.groups], dtype=np.int64))
    yield Chunk("locked", (), np.array([group.locked for group in found.groups], dtype=np.uint8))
    yield Chunk("variables", (), np.asarray(len(found.variables)))
    yield Chunk("clusters", (), np.asarray(len(found.clusters)))
    yield Chunk("description", (), description)
