"""What is shared: which weights read from which ring, and how large the rings are."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from math import prod
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from analysis.catalogue import nearest
from analysis.config import LayerSpec
from analysis.measures.rings import LAYOUTS, VARIANTS, Bank, layout_of
from analysis.problems import AnalysisError

SCOPES = ("net", "stage", "block")
INCLUDES = ("stem", "linear", "grouped")
"""What keeps its own weights unless it is asked for: the first convolution, linear layers, grouped convolutions."""

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True, slots=True)
class Sharing:
    """How the weights of a network are shared; the text form is what `Edits.ring` holds.

    Attributes
    ----------
    ratio, size
        N / M of every ring; or N of all rings together, divided among them by their weights. The size wins if not 0.
    scope
        One ring for the whole net, per stage (maps of one size), or per block.
    layers
        Glob patterns of module paths, comma-separated, "" for all convolutions.
    include
        Words of :data:`INCLUDES`, comma-separated.
    variant, layout
        See :mod:`analysis.measures.rings`; the layout is that of the variants "full" and "perm".
    seed
        Of index and signs; ring k takes seed + k.
    whitened
        Whether layers are scaled by their root mean square when trained weights are projected.
    """

    ratio: float = 0.2
    size: int = 0
    scope: str = "net"
    layers: str = ""
    include: str = ""
    variant: str = "full"
    layout: str = "shuffle"
    seed: int = 0
    whitened: bool = True

    def __post_init__(self) -> None:
        choices = (("scope", SCOPES), ("variant", VARIANTS), ("layout", LAYOUTS[:2]))
        for name, valid in choices:
            if getattr(self, name) not in valid:
                raise AnalysisError(f"'{getattr(self, name)}' is not a {name} of sharing.", nearest("", valid))
        for word in self.included:
            if word not in INCLUDES:
                raise AnalysisError(f"'{word}' is nothing that sharing can include.", nearest(word, INCLUDES))
        if self.size < 0 or not self.ratio > 0:
            raise AnalysisError("A ring needs a size above 0.", "Give N / M as a ratio, or N as a size.")

    @property
    def included(self) -> tuple[str, ...]:
        """Words of `include`."""
        return tuple(word.strip() for word in self.include.split(",") if word.strip())

    def to_pairs(self) -> tuple[tuple[str, str], ...]:
        """Return (key, value) texts, as in `Edits.ring`; what has its default is left out but the ratio."""
        plain = Sharing()
        names = [field.name for field in fields(self)]
        return tuple(
            (name, str(getattr(self, name)))
            for name in names
            if name == "ratio" or getattr(self, name) != getattr(plain, name)
        )

    @staticmethod
    def from_pairs(pairs: tuple[tuple[str, str], ...]) -> Sharing:
        """Read (key, value) texts.

        Raises
        ------
        AnalysisError
            For an unknown key or a wrong value.
        """
        plain = Sharing()
        given: dict[str, Any] = {}
        names = [field.name for field in fields(plain)]
        for name, text in pairs:
            if name not in names:
                raise AnalysisError(f"Sharing has no setting '{name}'.", nearest(name, names))
            kind = type(getattr(plain, name))
            try:
                given[name] = text.lower() in ("true", "yes", "1") if kind is bool else kind(text)
            except ValueError:
                raise AnalysisError(
                    f"'{text}' is no value of the sharing setting '{name}'.", "Give a number."
                ) from None
        return Sharing(**given)


def plan(net: nn.Module, sharing: Sharing, layers: tuple[LayerSpec, ...] = ()) -> tuple[Bank, ...]:
    """Choose the weights that are shared and divide them among rings.

    Parameters
    ----------
    net
        A network without shared weights.
    sharing
        The user's choice.
    layers
        Rows of its recording: they tell which convolution comes first, and stages and blocks. Without them the first
        convolution is the one registered first, and one ring is all there can be.

    Raises
    ------
    AnalysisError
        If nothing is left to share, a layer is parametrised or not ready, or rows are needed and missing.
    """
    chosen = shared_weights(net, sharing, layers)
    groups: dict[str, list[str]] = {}
    rows = {layer.module: layer for layer in reversed(layers) if layer.kind in ("conv", "linear")}
    if sharing.scope != "net" and not rows:
        raise AnalysisError("Stages and blocks are known only from a recorded network.", "Choose the scope net.")
    for name in chosen:
        groups.setdefault(_group(rows.get(name.rpartition(".")[0]), sharing.scope), []).append(name)
    parameters = dict(net.named_parameters())
    total = sum(parameters[name].numel() for name in chosen)
    layout, signed = layout_of(sharing.variant, sharing.layout)
    banks = []
    for number, names in enumerate(groups.values()):
        count = sum(parameters[name].numel() for name in names)
        size = round(sharing.size * count / total) if sharing.size else round(sharing.ratio * count)
        shapes = tuple(tuple(parameters[name].shape) for name in names)
        banks.append(Bank(tuple(names), shapes, max(1, size), (sharing.seed + number) % 2**32, layout, signed))
    return tuple(banks)


def shared_weights(net: nn.Module, sharing: Sharing, layers: tuple[LayerSpec, ...] = ()) -> tuple[str, ...]:
    """Names of the parameters that are shared, in the order of the modules; a tied one once, by its first name.

    Raises
    ------
    AnalysisError
        See :func:`plan`.
    """
    patterns = [word.strip() for word in sharing.layers.split(",") if word.strip()]
    stem = _stem(net, layers)
    parametrised, found = [], []
    own_names = {id(parameter): name for name, parameter in net.named_parameters()}
    for path, module in net.named_modules():
        if not isinstance(module, (*CONVOLUTIONS, nn.Linear)):
            continue
        if patterns and not any(fnmatchcase(path, pattern) for pattern in patterns):
            continue
        if not patterns and not _usual(path, module, stem, sharing.included):
            continue
        weight = module._parameters.get("weight")
        if parametrize.is_parametrized(module) or hasattr(module, "weight_g"):
            parametrised.append(path)
        elif weight is not None and is_lazy(weight):
            raise AnalysisError(f"The size of {path} is not known yet.", "Run the network once on a picture.")
        elif weight is not None and weight.requires_grad and weight.is_floating_point():
            found.append(own_names[id(weight)])
    if parametrised:
        raise AnalysisError(
            f"{len(parametrised)} layers compute their weights from others, e.g. {parametrised[0]}.",
            "Remove the parametrisation (weight norm, spectral norm) first, or leave these layers out.",
            "parametrised",
            tuple(parametrised),
        )
    if not found:
        hint = "Choose other layers, or include the first convolution, linear layers or grouped convolutions."
        raise AnalysisError("No layer is left whose weights could be shared.", hint)
    return tuple(dict.fromkeys(found))


def _usual(path: str, module: nn.Module, stem: str, included: tuple[str, ...]) -> bool:
    if isinstance(module, nn.Linear):
        return "linear" in included
    if path == stem and "stem" not in included:
        return False
    return getattr(module, "groups", 1) == 1 or "grouped" in included


def _stem(net: nn.Module, layers: tuple[LayerSpec, ...]) -> str:
    """Path of the first convolution."""
    recorded = next((layer.module for layer in layers if layer.kind == "conv"), "")
    return recorded or next((path for path, module in net.named_modules() if isinstance(module, CONVOLUTIONS)), "")


def _group(layer: LayerSpec | None, scope: str) -> str:
    if scope == "net" or layer is None:
        return ""
    return layer.block if scope == "block" else str(layer.shape[1:] if prod(layer.shape[1:]) > 1 else "last")


def chosen_modules(layers: tuple[LayerSpec, ...]) -> str:
    """Patterns that fit the modules of these rows and no others, as :attr:`Sharing.layers` wants them.

    Raises
    ------
    AnalysisError
        If none of the rows has weights that could be shared.
    """
    modules = dict.fromkeys(row.module for row in layers if row.kind in ("conv", "linear"))
    if not modules:
        raise AnalysisError("None of the chosen layers is a convolution or a linear layer.", "Choose others.")
    return ",".join(modules)


def read_ratios(text: str) -> tuple[float, ...]:
    """Read comma-separated sizes of rings, N / M.

    Raises
    ------
    AnalysisError
        If one is no number above 0.

    Examples
    --------
    >>> read_ratios("0.05, 1")
    (0.05, 1.0)
    """
    try:
        ratios = tuple(float(word) for word in text.split(",") if word.strip())
    except ValueError:
        ratios = ()
    if not ratios or not all(0 < ratio <= 100 for ratio in ratios):
        raise AnalysisError(f"'{text}' is no list of sizes N / M.", "Give numbers above 0, e.g. 0.05,0.2,1.")
    return ratios
