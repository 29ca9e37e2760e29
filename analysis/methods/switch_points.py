"""Switch points: where the geometry of a network can be chosen, and what decides its sizes. Runs no picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analysis.catalogue import MethodInfo
from analysis.events import Chunk, Declared, Output
from analysis.geometry.blueprint import draw
from analysis.job import Job, Step
from analysis.measures.blueprints import Layer, to_bytes
from analysis.measures.geometry import lay_out
from analysis.tracing.recorder import trace

INFO = MethodInfo(
    name="switch_points",
    title="Switch points",
    summary="Every convolution whose stride, dilation or kernel can be chosen, and why others are locked.",
    needs=frozenset({"model"}),
    trained=False,
)
FAMILIES = ("stride", "dil", "ker")
PAIRS = ("kernel", "stride", "dilation", "padding", "input_map", "output_map")


def run(job: Job) -> Iterator[Step]:
    """Give the geometry of each convolution, and the blueprint for whoever chooses another."""
    blueprint = draw(trace(job.model.net, job.model.input_shape))
    plain, layers, text = lay_out(blueprint, {}), blueprint.layers, to_bytes(blueprint)
    size = len(layers)
    outputs = (
        *(Output(name, ("convolution", "axis"), (size, 2), "int64", title=name.replace("_", " ")) for name in PAIRS),
        Output("channels", ("convolution", "end"), (size, 2), "int64", "channels", "Channels in and out"),
        Output("groups", ("convolution",), (size,), "int64", title="Groups"),
        Output("macs", ("convolution",), (size,), "int64", "MAC", "Multiply-adds of a picture"),
        Output("options", ("convolution", "family"), (size, 3), "int64", "options", "Options that are possible"),
        Output("total_macs", (), (), "int64", "MAC", "Multiply-adds of a picture"),
        Output("receptive_field", ("axis",), (2,), unit="px", title="Receptive field"),
        Output("description", ("byte",), (text.size,), "uint8", "", "The blueprint as JSON text"),
    )
    names = (
        ("convolution", tuple(layer.point.name for layer in layers)),
        ("axis", ("rows", "columns")),
        ("end", ("in", "out")),
        ("family", FAMILIES),
    )
    facts = (
        ("switched by default", ", ".join(blueprint.usual)),
        *((f"locked {layer.point.name}", words) for layer in layers if (words := _locked(layer))),
    )
    yield Declared(outputs, job.model.recording.layers, names=names, facts=facts)
    for name in PAIRS:
        pairs = [layer.padding if name == "padding" else getattr(layer.point, name) for layer in layers]
        yield Chunk(name, (), np.array(pairs, dtype=np.int64).reshape(size, 2))
    yield Chunk("channels", (), np.array([layer.channels for layer in layers], dtype=np.int64).reshape(size, 2))
    yield Chunk("groups", (), np.array([layer.groups for layer in layers], dtype=np.int64))
    yield Chunk("macs", (), np.array([plain.macs[layer.node] for layer in layers], dtype=np.int64))
    yield Chunk("options", (), np.array([_count(layer) for layer in layers], dtype=np.int64).reshape(size, 3))
    yield Chunk("total_macs", (), np.asarray(plain.total))
    yield Chunk("receptive_field", (), np.array(plain.receptive_field))
    yield Chunk("description", (), text)


def _count(layer: Layer) -> list[int]:
    return [sum(offer.word.startswith(kind) and not offer.locked for offer in layer.offers) for kind in FAMILIES]


def _locked(layer: Layer) -> str:
    """Say why families are not possible at a layer, "" where all are."""
    found = []
    for kind, count, words in zip(FAMILIES, _count(layer), ("stride", "dilation", "kernel"), strict=True):
        # One option is the layer's own.
        if count <= 1:
            reasons = [offer.locked for offer in layer.offers if offer.word.startswith(kind) and offer.locked]
            found.append(f"{words}: {reasons[0] if reasons else 'nothing else'}")
    return "; ".join(found)
