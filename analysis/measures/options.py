"""Ways to apply the kernel of a convolution: with another stride, dilation or size.

Families, tokens and the stride table of ResNet-50 follow the public code of M. Inkawhich (2020), written before "The
Untapped Potential of Off-the-Shelf Convolutional Neural Networks" (Inkawhich et al. 2021). Free of torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.problems import AnalysisError

Pair = tuple[int, int]

STRIDES: Mapping[str, tuple[str, Pair]] = {
    "D2": ("stride", (2, 2)),
    "DV": ("stride", (2, 1)),
    "DH": ("stride", (1, 2)),
    "K1": ("stride", (1, 1)),
    "UH": ("up", (1, 2)),
    "UV": ("up", (2, 1)),
    "U2": ("up", (2, 2)),
}
"""Token to kind and (rows, columns): D reduces, K keeps, U enlarges; V the rows only, H the columns only."""

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "dilation3": ("dil1", "dil2", "dil3"),
    "dilation5": ("dil1", "dil2", "dil3", "dil4", "dil5"),
    "stride_full": tuple(f"stride{token}" for token in STRIDES),
    "stride_down": ("strideD2", "strideDV", "strideDH", "strideK1"),
    "stride_square": ("strideD2", "strideK1", "strideU2"),
    "kernel7": ("ker3", "ker5", "ker7"),
    "kernel9": ("ker1", "ker3", "ker5", "ker7", "ker9"),
}


@dataclass(frozen=True, slots=True)
class Option:
    """One way to apply a kernel.

    Attributes
    ----------
    kind
        "stride"; "up" for a fractional stride 1/u; "dil" for dilation; "ker" for a resampled kernel.
    size
        (rows, columns): stride, enlargement, dilation, or side of the kernel.
    """

    kind: str
    size: Pair

    @property
    def token(self) -> str:
        """Short name within its family: "2", "D2", "U2"."""
        if self.kind in ("stride", "up"):
            known = (token for token, meaning in STRIDES.items() if meaning == (self.kind, self.size))
            return next(known, f"S{self.size[0]}x{self.size[1]}")
        high, wide = self.size
        return str(high) if high == wide else f"{high}x{wide}"

    @property
    def family(self) -> str:
        """Name of its sort: "stride", "dil" or "ker"."""
        return "stride" if self.kind == "up" else self.kind

    @property
    def word(self) -> str:
        """Name that stands alone, as in edits: "dil2", "strideD2", "ker5"."""
        return self.family + self.token

    @property
    def scale(self) -> tuple[float, float]:
        """Factor by which it reduces a map, per axis: 2 for stride 2, 1/2 for enlarging by 2."""
        if self.kind == "stride":
            return float(self.size[0]), float(self.size[1])
        return (1 / self.size[0], 1 / self.size[1]) if self.kind == "up" else (1.0, 1.0)

    @staticmethod
    def read(word: str) -> Option:
        """Read an option from its word.

        Raises
        ------
        AnalysisError
            If there is no such option.

        Examples
        --------
        >>> Option.read("strideUV")
        Option(kind='up', size=(2, 1))
        """
        text = word.strip()
        if text.startswith("stride") and text[6:] in STRIDES:
            return Option(*STRIDES[text[6:]])
        found = re.fullmatch(r"strideS(\d+)x(\d+)", text)
        if found and min(int(found[1]), int(found[2])) > 0:
            return Option("stride", (int(found[1]), int(found[2])))
        found = re.fullmatch(r"(dil|ker)([1-9]\d?)(?:x([1-9]\d?))?", text)
        if found:
            return Option(found[1], (int(found[2]), int(found[3] or found[2])))
        hint = "Options are dil1, dil2, …; ker1, ker3, ker5, …; and strideK1, D2, DV, DH, U2, UV, UH."
        raise AnalysisError(f"'{word}' is no geometry of a convolution.", hint, "geometry")


@dataclass(frozen=True, slots=True)
class SwitchPoint:
    """A convolution whose geometry is chosen.

    Attributes
    ----------
    name
        Name of its row.
    kernel, stride, dilation
        Its geometry in the network as it is, (rows, columns).
    input_map, output_map
        Sizes of the maps before and after it in the network as it is, (height, width).
    """

    name: str
    kernel: Pair
    stride: Pair
    dilation: Pair
    input_map: Pair = (0, 0)
    output_map: Pair = (0, 0)

    def nominal(self, family: str) -> Option:
        """Return the option of a family that the network has already."""
        sizes = {"stride": self.stride, "dil": self.dilation, "ker": self.kernel}
        return Option(family, sizes[family])


def options_of(point: SwitchPoint, words: Sequence[str]) -> tuple[Option, ...]:
    """Options of a point: first the one it has, then the others in the given order, none twice.

    Raises
    ------
    AnalysisError
        If the words are no options, or of several families.
    """
    wanted = [Option.read(word) for word in words]
    families = {option.family for option in wanted}
    if len(families) != 1:
        text = f"The options of {point.name} are of several families: {', '.join(words)}."
        raise AnalysisError(text, "Vary stride, dilation or kernel at one point, not two of them.", "geometry")
    own = point.nominal(families.pop())
    return tuple(dict.fromkeys((own, *wanted)))
