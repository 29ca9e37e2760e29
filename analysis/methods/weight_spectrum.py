"""Weight spectrum: singular values of the weights themselves. No pictures are needed.

A convolution's weight is read as the matrix C_out x (C_in * k * k), each row one filter; a linear layer's as it is. A
grouped convolution has one block per group, on its own rows and its own columns: the matrix is block diagonal, and its
singular values are those of all blocks together (for a depthwise convolution, the norms of its filters).

The singular values are the roots of the eigenvalues of the smaller of W W' and W' W, made in float64: about a tenth of
the time of a singular value decomposition, exact to about ``sqrt(C * 2.2e-16)`` of the largest value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from analysis.catalogue import MethodInfo, Param
from analysis.config import LayerSpec
from analysis.events import Chunk, Declared, Output, Progress
from analysis.features.moments import lower_products
from analysis.job import Job, Step
from analysis.measures import spectra
from analysis.problems import AnalysisError

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)

INFO = MethodInfo(
    name="weight_spectrum",
    title="Weight spectrum",
    summary="Singular values and stable rank of each convolution's and linear layer's weights.",
    needs=frozenset({"model"}),
    params=(
        Param("rtol", 0.0, "Tolerance of the rank relative to the largest singular value, 0 for the default", 0.0, 1.0),
        Param("energy", 0.99, "Share of the sum of squares that the energy rank explains", low=0.01, high=1.0),
    ),
)

MEASURES = (  # name, unit, title
    ("rank", "directions", "Numerical rank of the weights"),
    ("rank_ratio", "", "Rank / largest possible"),
    ("energy_rank", "directions", "Energy rank of the weights"),
    ("effective_rank", "directions", "Effective rank of the weights"),
    ("participation_ratio", "directions", "Participation ratio of the weights"),
    ("stable_rank", "directions", "Stable rank of the weights"),
    ("nuclear_norm", "", "Nuclear norm of the weights"),
    ("spectral_norm", "", "Largest singular value of the weights"),
    ("tolerance", "", "Tolerance of the rank, relative to the largest singular value"),
)
COUNTS = (("channels", "channels", "Rows"), ("columns", "", "Columns"), ("components", "", "Singular values"))


@dataclass(frozen=True, slots=True)
class Weight:
    """The weight of one layer as a stack of matrices.

    Attributes
    ----------
    layer
        The row.
    tensor
        The parameter, shared tensors being one object.
    groups
        Number of blocks.
    transposed
        True if the first axis of the tensor is that of the inputs.
    """

    layer: LayerSpec
    tensor: Tensor
    groups: int
    transposed: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the whole matrix."""
        per_row = self.tensor.numel() // self.tensor.shape[0]
        if not self.transposed:
            return self.tensor.shape[0], per_row * self.groups
        rows = self.tensor.shape[1] * self.groups
        return rows, self.tensor.numel() // rows * self.groups

    @property
    def components(self) -> int:
        """Number of singular values: the smaller side of each block, times the blocks."""
        rows, columns = self.shape
        return min(rows // self.groups, columns // self.groups) * self.groups


def weight_matrices(weight: Weight) -> Tensor:
    """Blocks of the matrix of a layer, axes (group, row, column), on a device that knows float64."""
    tensor = weight.tensor.detach()
    exact = tensor.cpu() if tensor.device.type == "mps" else tensor
    if weight.transposed:
        inputs, outputs = exact.shape[0] // weight.groups, exact.shape[1]
        return exact.reshape(weight.groups, inputs, outputs, -1).transpose(1, 2).reshape(weight.groups, outputs, -1)
    return exact.reshape(weight.groups, exact.shape[0] // weight.groups, -1)


def squared_singular_values(blocks: Tensor) -> Tensor:
    """Squared singular values of block matrices, axes (group, row, column), all together in descending order."""
    small = blocks if blocks.shape[1] <= blocks.shape[2] else blocks.transpose(1, 2)
    if len(small) == 1:
        products = lower_products(small[0])
    else:
        exact = small.to(torch.float64)
        products = exact @ exact.transpose(1, 2)
    values: Tensor = torch.linalg.eigvalsh(products)
    return values.flatten().sort(descending=True).values.clamp(min=0.0)


def run(job: Job) -> Iterator[Step]:
    """Decompose each distinct weight once; layers that share a tensor get the same numbers."""
    weights = _weights(job)
    yield _declared(job, weights)
    known: dict[int, spectra.Floats] = {}
    for row, weight in enumerate(weights):
        yield Progress(row, len(weights), f"solving {weight.layer.name}")
        key = id(weight.tensor)
        if key not in known:
            known[key] = _singular_values(weight)
        yield from _chunks(job, row, weight, known[key])
    yield Progress(len(weights), len(weights), "Done")


def _singular_values(weight: Weight) -> spectra.Floats:
    """Singular values, descending; all NaN for a weight that is not finite."""
    if not bool(torch.isfinite(weight.tensor).all()):
        return np.full(weight.components, np.nan)
    sigma: spectra.Floats = squared_singular_values(weight_matrices(weight)).sqrt().cpu().numpy()
    return sigma


def _chunks(job: Job, row: int, weight: Weight, sigma: spectra.Floats) -> Iterator[Chunk]:
    rows, columns = weight.shape
    precision = str(weight.tensor.dtype).removeprefix("torch.")
    rtol = float(job.params["rtol"]) or spectra.default_rtol(rows, columns, precision)
    for name, count in (("channels", rows), ("columns", columns), ("components", weight.components)):
        yield Chunk(name, (row,), np.asarray(count))
    if not np.isfinite(sigma).all():
        job.warn("non_finite", "Weights that are not finite have no spectrum.", (weight.layer.name,))
        return
    rank = spectra.numerical_rank(sigma, rtol)
    numbers = {
        "rank": rank,
        "rank_ratio": rank / weight.components,
        "energy_rank": spectra.energy_rank(sigma, float(job.params["energy"])),
        "effective_rank": spectra.effective_rank(sigma),
        "participation_ratio": spectra.participation_ratio(sigma),
        "stable_rank": spectra.stable_rank(sigma),
        "nuclear_norm": spectra.nuclear_norm(sigma),
        "spectral_norm": sigma.max(initial=0.0),
        "tolerance": rtol,
        "singular_values": sigma,
    }
    for name, value in numbers.items():
        yield Chunk(name, (row,), np.asarray(value))


def _weights(job: Job) -> tuple[Weight, ...]:
    """Find the weights of the chosen layers.

    Raises
    ------
    AnalysisError
        If none of them has a weight of its own.
    """
    layers = job.choose(("conv", "linear"))
    modules = dict(job.model.net.named_modules())
    found = [(layer, _weight(layer, modules.get(layer.module))) for layer in layers]
    weights = tuple(weight for _, weight in found if weight)
    without = tuple(layer.name for layer, weight in found if weight is None)
    if not weights:
        hint = "Choose convolutions or linear layers with --layers."
        raise AnalysisError("None of the chosen layers has a weight matrix.", hint, items=without)
    if without:
        job.warn("not_measured", f"{len(without)} layers have no weight matrix of their own.", without)
    return weights


def _weight(layer: LayerSpec, module: nn.Module | None) -> Weight | None:
    tensor = getattr(module, "weight", None)
    if layer.kind not in ("conv", "linear") or not isinstance(tensor, Tensor) or tensor.ndim < 2 or not tensor.numel():
        return None
    transposed = isinstance(module, TRANSPOSED)
    return Weight(layer, tensor, max(1, layer.groups), transposed)


def _declared(job: Job, weights: tuple[Weight, ...]) -> Declared:
    size, widest = len(weights), max(weight.components for weight in weights)
    outputs = (
        *(Output(name, ("layer",), (size,), "int64", unit, title) for name, unit, title in COUNTS),
        *(Output(name, ("layer",), (size,), "float64", unit, title) for name, unit, title in MEASURES),
        Output("singular_values", ("layer", "component"), (size, widest), title="Singular values of the weights"),
    )
    rtol = float(job.params["rtol"])
    facts = (
        ("matrix", "C_out x (C_in k k); grouped convolutions: all blocks of the block-diagonal matrix together"),
        ("tolerance", f"{rtol:g}" if rtol else "max(C, min(N, 10 C)) x eps of the weight's dtype"),
        ("precision", "roots of float64 Gram eigenvalues: exact to sqrt(C x 2.2e-16) of the largest value"),
        ("shared weights", "decomposed once, given to every layer that uses them"),
    )
    return Declared(outputs, tuple(weight.layer for weight in weights), facts=facts)
