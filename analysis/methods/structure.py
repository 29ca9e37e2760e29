"""Structure: widths and costs of every layer. Needs only the network and runs no picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from analysis.catalogue import MethodInfo
from analysis.config import KINDS
from analysis.events import Chunk, Declared, Output
from analysis.graph import Recording
from analysis.job import Job, Step

INFO = MethodInfo(
    name="structure",
    title="Structure",
    summary="Width, parameters, multiply-adds and activation memory of every layer.",
    needs=frozenset({"model"}),
    trained=False,
    version=2,
)

COLUMNS = (  # name, unit, title
    ("width", "channels", "Width"),
    ("parameters", "weights", "Parameters (a shared tensor once)"),
    ("parameters_used", "weights", "Parameters used"),
    ("macs", "multiply-adds", "Multiply-adds of one picture"),
    ("activation_bytes", "bytes", "Activation memory of one picture"),
)
TOTALS = (
    ("total_parameters", "weights", "Parameters (a shared tensor once)"),
    ("total_parameters_used", "weights", "Parameters used"),
    ("total_buffers", "numbers", "Buffers"),
    ("total_macs", "multiply-adds", "Multiply-adds of one picture"),
    ("total_activation_bytes", "bytes", "Activation memory of one picture"),
)


def run(job: Job) -> Iterator[Step]:
    """Tell what the recording of the network says."""
    layers, last = job.choose(KINDS), job.model.recording.channels_last
    size = len(layers)
    outputs = (
        *(Output(name, ("layer",), (size,), "int64", unit, title) for name, unit, title in COLUMNS),
        *(Output(name, (), (), "int64", unit, title) for name, unit, title in TOTALS),
    )
    facts: tuple[tuple[str, str], ...] = (
        ("multiply-adds", "convolutions and linear layers only, for one picture; 1 MAC = 2 FLOPs"),
        ("parameters", "a tensor that several layers share counts at its first layer; parameters used: at every one"),
        ("activation memory", "outputs of one picture in the network's dtype; the total leaves repeated tensors out"),
        ("input", " x ".join(str(size) for size in job.model.input_shape)),
        ("edges", "rows that feed each other, by number; operations without a row are passed through"),
    )
    edges = _edges(job, [layer.name for layer in layers])
    # Joints are numbered after all rows: some rows alone cannot say what lies between them.
    joints = job.model.recording.joints if size == len(job.model.recording.layers) else ()
    if len(edges):
        outputs += (Output("edge", ("edge", "end"), edges.shape, "int32", title="Edges between rows"),)
    kinds = tuple(dict.fromkeys(joint.type for joint in joints))
    drawn = _graph(job.model.recording, kinds) if joints else {}
    outputs += tuple(output for output, _ in drawn.values())
    if joints:
        facts += (
            ("flow", "the same with joints: operations that pool, resize, concatenate or combine and have no row"),
        )
    names = (("end", ("source", "target")), ("joint", tuple(joint.name for joint in joints)), ("kind", kinds))
    yield Declared(outputs, layers, names=names if joints else names[:1], facts=facts)
    if len(edges):
        yield Chunk("edge", (), edges)
    for name, (_, numbered) in drawn.items():
        yield Chunk(name, (), numbered)
    columns = {
        "width": [layer.shape[-1] if layer.name in last else layer.channels for layer in layers],
        "parameters": [layer.parameters for layer in layers],
        "parameters_used": [layer.parameters_used for layer in layers],
        "macs": [layer.macs for layer in layers],
        "activation_bytes": [layer.activation_bytes for layer in layers],
    }
    for name, values in columns.items():
        yield Chunk(name, (), np.array(values, dtype=np.int64))
    totals = job.model.recording.totals
    numbers = (
        totals.parameters,
        totals.parameters_used,
        totals.buffers,
        totals.macs,
        totals.activation_bytes,
    )
    for (name, _, _), number in zip(TOTALS, numbers, strict=True):
        yield Chunk(name, (), np.asarray(number))


def _edges(job: Job, names: list[str]) -> NDArray[np.int32]:
    """Edges between the chosen rows, axes (edge, end)."""
    recording = job.model.recording
    chosen = {name: row for row, name in enumerate(names)}
    places = [chosen.get(layer.name, -1) for layer in recording.layers]
    pairs = [(places[source], places[target]) for source, target in recording.edges]
    return np.array([pair for pair in pairs if min(pair) >= 0], dtype=np.int32).reshape(-1, 2)


def _graph(recording: Recording, kinds: tuple[str, ...]) -> dict[str, tuple[Output, NDArray[np.int32]]]:
    """Edges with joints between the rows, and what the joints are; a shape ends with -1 where it has fewer axes."""
    joints = recording.joints
    deep = max(len(joint.shape) for joint in joints)
    columns = {
        "flow": (("flow", "end"), recording.flow, "Edges with joints, which are numbered after the rows"),
        "joint_kind": (("joint",), [kinds.index(joint.type) for joint in joints], "What each joint does"),
        "joint_place": (("joint",), [joint.place for joint in joints], "Rows before each joint"),
        "joint_shape": (
            ("joint", "axis"),
            [joint.shape + (-1,) * (deep - len(joint.shape)) for joint in joints],
            "Output shape of each joint",
        ),
    }
    found = {}
    for name, (dims, values, title) in columns.items():
        array = np.array(values, dtype=np.int32)
        found[name] = (Output(name, dims, array.shape, "int32", title=title), array)
    return found
