"""How the layers pull the entries that they share: cosines of their gradients as a matrix."""

from __future__ import annotations

import numpy as np

from app.drawing.legend import Key
from app.drawing.map_image import MapScale
from app.drawing.matrix import MatrixPlot
from app.drawing.readout import Entry
from app.drawing.signed_matrix import SignedCells
from app.reading import numbers
from app.reading.depth import Floats
from app.reading.sharing import Projected
from app.theme import Theme

COSINE = "gradient_cosine"


def make_plot(theme: Theme) -> MatrixPlot:
    """Make the matrix, empty."""
    title = "cosine of two layers' gradients on the entries of the ring"
    return MatrixPlot(theme, "Agreement of gradients", title, "layer")


def show_agreement(plot: MatrixPlot, projected: Projected) -> tuple[Key, ...]:
    """Draw the cosines of a run, or say why there are none; return what its colours mean."""
    table = projected.table(COSINE)
    known = bool(np.isfinite(table).any())
    plot.set_note("" if known else why_not(projected))
    top = reach(table)
    plot.show_cells(SignedCells(table, top) if known else None, projected.names, projected.names)
    if not known:
        return ()
    scale, theme = MapScale(-1.0, 1.0, True), plot.theme
    steps = ((0.0, f"−{top:.2g}: they pull apart"), (0.5, "0"), (1.0, f"{top:.2g}: they pull the same way"))
    return tuple(Key("bar", words, scale.color(theme, share)) for share, words in steps)


def reach(table: Floats) -> float:
    """Cosine of the strongest colour: that of nearly all pairs, so that chance does not look like conflict."""
    known = np.abs(table[np.isfinite(table)])
    return max(0.1, float(np.ceil(20 * np.percentile(known, 98)) / 20)) if known.size else 0.1


def why_not(projected: Projected) -> str:
    """Say why there are no gradients."""
    if COSINE in projected.result:
        return "The gradients are being measured …"
    reason = projected.result.facts.get("gradients", "not measured: the run was made by an earlier version")
    return f"Agreement of gradients: {reason}."


def claim(projected: Projected) -> str:
    """Say in one line whether the layers agree, and how alike unrelated gradients would be."""
    table, together = projected.table(COSINE), projected.number("gradient_together")
    other = table[np.isfinite(table)]
    if not other.size:
        return why_not(projected)
    size = projected.number("detail_size")
    words = f"Cosines of {other.min():.2f} to {other.max():.2f}, spread {other.std():.2g}".replace("-", "−")
    words += f" (unrelated gradients: about {1 / np.sqrt(size):.2g})"
    if np.isfinite(together):
        words += f" · together {together:.2f} of unrelated ones"
    return f"{words} · {projected.result.facts.get('gradients', '')}"


def entries(projected: Projected, row: int, column: int) -> tuple[Entry, ...]:
    """Values of one pair of layers."""
    cosine, length = projected.table(COSINE)[row, column], projected.table("gradient_length")
    found = [Entry("cosine", numbers.short(float(cosine)), "sharing", term=COSINE)] if cosine == cosine else []
    names = projected.names
    for place in dict.fromkeys((row, column)):
        words = numbers.short(float(length[place]))
        found.append(Entry(f"length, {names[place]}", words, "text_soft", term="gradient_length"))
    return tuple(found)
