"""How large the open network is, and how large it becomes by the edits that are made but not saved. No widgets."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.edits import Edits
from app.reading import edited_rows, numbers
from app.reading.measurements import totals
from app.workspace import Workspace

BEFORE = "before the edits"


@dataclass(frozen=True, slots=True)
class Size:
    """Parameters and multiply-adds for one picture.

    Attributes
    ----------
    before
        Of the network as it was opened; its parameters as they are stored, of shared weights each ring once.
    after
        Of the edited one; None where nothing is edited, or where it is not known.
    known
        False if the network is edited in a way whose size is not known.
    """

    before: tuple[float, float]
    after: tuple[float, float] | None
    known: bool

    @property
    def words(self) -> str:
        """Parameters and multiply-adds in short numbers, before and after the edits."""
        parameters, macs = (numbers.ARROW.join(numbers.short(value) for value in values) for values in self._pairs())
        return self._marked(f"{parameters} parameters · {macs} MACs")

    @property
    def details(self) -> str:
        """The same in full numbers."""
        parameters, macs = (numbers.ARROW.join(f"{value:,.0f}" for value in values) for values in self._pairs())
        return self._marked(f"{parameters} parameters, {macs} multiply-adds for one picture")

    @property
    def facts(self) -> tuple[str, str]:
        """Parameters and multiply-adds as they are now, for a place with little room."""
        parameters, macs = self.after or self.before
        return numbers.short(parameters), self._marked(f"{numbers.short(macs)} MACs")

    def _pairs(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        states = (self.before,) if self.after is None else (self.before, self.after)
        return tuple(state[0] for state in states), tuple(state[1] for state in states)

    def _marked(self, words: str) -> str:
        return words if self.known else f"{words} {BEFORE}"


def size_of(workspace: Workspace) -> Size:
    """Read the size of the open network; edits are evaluated in closed form."""
    edits, before = workspace.edits, totals(workspace)
    if edits.empty or edits == Edits(ring=edits.ring):
        return Size(before, None, True)
    after = edited_rows.totals(workspace)
    return Size(before, after, after is not None)
