"""Lines of what is known of a layer: what its structure says, and what was measured. No widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from analysis.config import LayerSpec
from app.panels.fact_table import Fact
from app.reading import channel_words, numbers
from app.reading.depth import shown_name, split_name
from app.reading.glossary import TERMS
from app.reading.layer_comparison import difference_words
from app.reading.measurements import STATE_TEXTS, VALUE, Metric, Values

LAYERS = "concepts#Layers"
"""Section of the help on what a layer is."""
COSTS = ("parameters", "macs", "activation_bytes")
AXES = {1: "channels", 2: "tokens × channels", 3: "channels × height × width"}
"""Names of axes by how many there are."""


def kind_words(layer: LayerSpec, width: int = -1) -> str:
    """Say what a layer is, in one line: Conv2d, 16 → 32 channels, 3×3, stride 2.

    Parameters
    ----------
    width
        Number of its channels, on whichever axis they are; -1 for the first.
    """
    words = [layer.type or layer.kind]
    if layer.kind == "conv" and layer.expands_from:
        words.append(f"{layer.expands_from:,} → {layer.channels:,} channels")
    elif words_of := channel_words.extent(layer, layer.channels if width < 0 else width):
        words.append(words_of)
    if layer.kernel:
        words.append(numbers.shape(layer.kernel))
    if any(step > 1 for step in layer.stride):
        words.append(f"stride {numbers.shape(layer.stride)}")
    if any(step > 1 for step in layer.dilation):
        words.append(f"dilation {numbers.shape(layer.dilation)}")
    if layer.groups > 1:
        words.append("depthwise" if layer.groups == layer.expands_from == layer.channels else f"{layer.groups} groups")
    return ", ".join(words)


def axes_words(shape: tuple[int, ...]) -> str:
    """Name the axes of the output of a layer for one picture, "" where it has none.

    Examples
    --------
    >>> axes_words((64, 8, 8)), axes_words((197, 768)), axes_words((10,))
    ('channels × height × width', 'tokens × channels', 'channels')
    """
    return AXES.get(len(shape), "")


def layer_facts(layer: LayerSpec, after: Mapping[str, float] | None = None) -> tuple[Fact, ...]:
    """Lines of what the structure says of one layer; `after` holds the costs of it in the edited network."""
    shape = numbers.shape(layer.shape)
    axes = axes_words(layer.shape)
    facts = [Fact("Output", (shape,), f"Output for one picture{f': {axes}' if axes else ''}.", page=LAYERS)]
    if layer.input_shape:
        shape = numbers.shape(layer.input_shape)
        facts.append(Fact("Input", (shape,), "Shape of the first input for one picture.", page=LAYERS))
    facts += [_cost(layer, name, (after or {}).get(name)) for name in COSTS if getattr(layer, name)]
    if layer.parameters_used > layer.parameters:
        text = numbers.short(layer.parameters_used)
        known = TERMS["parameters_used"]
        facts.append(Fact(known.title, (text,), known.definition, page=known.page))
    if layer.block and layer.block != layer.name:
        facts.append(
            Fact("Block", (shown_name(layer.block),), "Residual block or repeated module it lies in.", page=LAYERS)
        )
    if layer.same_as:
        facts.append(
            Fact("Same tensor as", (shown_name(layer.same_as),), "An earlier row is the very same tensor.", page=LAYERS)
        )
    return tuple(facts)


def compared_facts(facts: tuple[Fact, ...], layer: LayerSpec, other: LayerSpec) -> tuple[Fact, ...]:
    """Add to facts of a layer how much more it is than the layer of a second network that corresponds."""
    found = []
    for fact in facts:
        name = next((name for name in COSTS if TERMS[name].title == fact.label), "")
        mine, theirs = (float(getattr(one, name)) if name else 0.0 for one in (layer, other))
        words = difference_words(mine, theirs, TERMS[name].unit) if name else ""
        found.append(replace(fact, texts=(*fact.texts, words)))
    return tuple(found)


def _cost(layer: LayerSpec, name: str, after: float | None) -> Fact:
    known, before = TERMS[name], float(getattr(layer, name))
    unit = "" if known.unit == known.title else known.unit
    values = (before,) if after is None or after == before else (before, after)
    text = numbers.ARROW.join(numbers.with_unit(value, unit) for value in values)
    exact = numbers.ARROW.join(numbers.exact(value, known.unit) for value in values)
    return Fact(known.title, (text,), known.definition, (exact,), known.page)


def common_facts(layers: list[LayerSpec]) -> tuple[Fact, ...]:
    """Lines that compare what the structure says of several layers."""
    shapes = tuple(numbers.shape(layer.shape) for layer in layers)
    axes = ", or ".join(dict.fromkeys(words for layer in layers if (words := axes_words(layer.shape))))
    facts = [Fact("Output", shapes, f"{axes[:1].upper()}{axes[1:]}." if axes else "", page=LAYERS)]
    for name in COSTS:
        known, values = TERMS[name], [float(getattr(layer, name)) for layer in layers]
        texts = tuple(numbers.short(value, known.unit) for value in values)
        exact = tuple(numbers.exact(value, known.unit) for value in values)
        facts.append(Fact(known.title, texts, known.definition, exact, known.page))
    return tuple(facts)


def metric_fact(metric: Metric, values: Values) -> Fact:
    """Return the line of a metric: with its interval for one layer, plain for several."""
    texts, exact = [], []
    for i, state in enumerate(values.states.tolist()):
        value = float(values.values[i])
        if state != VALUE:
            texts.append(STATE_TEXTS[state] if len(values.states) == 1 else ("0" if value == 0 else numbers.NOTHING))
            exact.append("")
            continue
        unit = "" if metric.unit in ("directions", "channels", "observations") else metric.unit
        if values.low is not None and values.high is not None and len(values.states) == 1:
            texts.append(numbers.interval(value, float(values.low[i]), float(values.high[i]), unit))
        else:
            texts.append(numbers.with_unit(value, unit))
        exact.append(numbers.exact(value, metric.unit))
    title = metric.title.removeprefix("Weight ") if metric.method == "weight_spectrum" else metric.title
    return Fact(title[:1].upper() + title[1:], tuple(texts), metric.definition, tuple(exact), metric.page)


def short_name(layer: LayerSpec, among: list[LayerSpec]) -> str:
    """Return the last part of a name, or more of it where several layers end alike."""
    group, leaf = split_name(layer.name)
    if sum(split_name(other.name)[1] == leaf for other in among) == 1:
        return leaf
    return f"{group.rpartition('.')[0].removeprefix('layer')}.{group.rpartition('.')[2]}.{leaf}".lstrip(".")
