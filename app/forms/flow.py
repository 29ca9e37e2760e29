"""Parts of a form that go on in further rows where one is too narrow."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.forms.widgets import row


class Flow(QWidget):
    """Puts parts beside each other as long as there is room, and the next ones below; none lies on another one.

    A part whose size policy grows takes what its row leaves over. A part that is wider than the row gets all of it.

    Parameters
    ----------
    parts
        From left to right. None pushes what follows to the right edge, unless it begins a row.
    gap, between
        Pixels between two parts of a row, and between two rows.
    edges
        Pixels left, above, right and below.
    """

    def __init__(
        self, *parts: QWidget | None, gap: int = 12, between: int = 4, edges: tuple[int, int, int, int] = (8, 4, 8, 4)
    ) -> None:
        super().__init__()
        self._parts: list[QWidget] = []
        self._pushed: set[QWidget] = set()
        self._gap, self._between, self._edges = gap, between, edges
        self._wide = 0
        """Pixels that it has been given; before that it asks for one row, as nobody has chosen its width."""
        for before, part in zip((self, *parts), parts, strict=False):
            if part is not None:
                self.add(part, pushed=before is None)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, part: QWidget, pushed: bool = False) -> None:
        """Put one more part behind the others; a pushed one goes to the right edge, unless it begins a row."""
        self._parts.append(part)
        if pushed:
            self._pushed.add(part)
        part.setParent(self)
        self.updateGeometry()

    # -- rows --------------------------------------------------------------------------------------------------------

    def rows(self, width: int) -> list[list[QWidget]]:
        """Return the parts that are shown, row by row, in so many pixels."""
        room, used = self._room(width), 0
        found: list[list[QWidget]] = []
        for part in self._parts:
            if part.isHidden():
                continue
            wide = _hint(part).width()
            if found and used + self._gap + wide <= room:
                found[-1].append(part)
                used += self._gap + wide
            else:
                found.append([part])
                used = wide
        return found

    def _room(self, width: int) -> int:
        return max(1, width - self._edges[0] - self._edges[2])

    def _widths(self, parts: list[QWidget], room: int) -> list[int]:
        """Pixels of the parts of a row; those that grow share what is left over."""
        wide = [min(_hint(part).width(), room) for part in parts]
        left = room - sum(wide) - self._gap * (len(parts) - 1)
        growing = [place for place, part in enumerate(parts) if _grows(part)]
        for number, place in enumerate(growing):
            more = min(left // (len(growing) - number), parts[place].maximumWidth() - wide[place])
            wide[place] += more
            left -= more
        return wide

    def _arrange(self) -> None:
        room, top = self._room(self.width()), self._edges[1]
        for parts in self.rows(self.width()):
            wide = self._widths(parts, room)
            height = _height(parts, wide)
            left = self._edges[0]
            free = room - sum(wide) - self._gap * (len(parts) - 1)
            for part, width in zip(parts, wide, strict=True):
                left += free if part in self._pushed and part is not parts[0] else 0
                tall = _tall(part, width)
                part.setGeometry(QRect(left, top + (height - tall) // 2, width, tall))
                left += width + self._gap
            top += height + self._between

    # -- sizes -------------------------------------------------------------------------------------------------------

    def heightForWidth(self, width: int) -> int:
        """Return the height of all rows in so many pixels."""
        room = self._room(width)
        rows = [_height(parts, self._widths(parts, room)) for parts in self.rows(width)]
        return sum(rows) + self._between * (len(rows) - 1) + self._edges[1] + self._edges[3] if rows else 0

    def sizeHint(self) -> QSize:
        """Ask for one row."""
        hints = [_hint(part) for part in self._parts if not part.isHidden()]
        wide = sum(hint.width() for hint in hints) + self._gap * max(0, len(hints) - 1)
        wide += self._edges[0] + self._edges[2]
        return QSize(wide, self.heightForWidth(self._wide or wide))

    def minimumSizeHint(self) -> QSize:
        """Ask for the least width of the widest part, and for as many rows as there are now."""
        least = max((_least(part) for part in self._parts if not part.isHidden()), default=0)
        return QSize(least + self._edges[0] + self._edges[2], self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit into another width."""
        super().resizeEvent(event)
        self._arrange()
        if self._wide != self.width():
            self._wide = self.width()
            self.updateGeometry()

    def event(self, event: QEvent) -> bool:
        """Fit when a part has come, gone or grown, or the font has changed."""
        done = super().event(event)
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.updateGeometry()
            self._arrange()
        return done


def together(*parts: QWidget | int, spacing: int = 4) -> QWidget:
    """Make one part of a flow of several that stay beside each other; a number is a gap."""
    made = QWidget()
    made.setLayout(row(*parts, spacing=spacing))
    return made


def _hint(part: QWidget) -> QSize:
    """Size that a part would like to have, within its limits."""
    hint = part.sizeHint().expandedTo(part.minimumSizeHint()).expandedTo(part.minimumSize())
    return hint.boundedTo(part.maximumSize())


def _tall(part: QWidget, width: int) -> int:
    """Height of a part in so many pixels: words may need further lines."""
    return part.heightForWidth(width) if part.hasHeightForWidth() else _hint(part).height()


def _height(parts: list[QWidget], widths: list[int]) -> int:
    return max(_tall(part, width) for part, width in zip(parts, widths, strict=True))


def _least(part: QWidget) -> int:
    """Pixels that a part cannot do without."""
    return min(max(part.minimumSizeHint().width(), part.minimumWidth()), part.maximumWidth())


def _grows(part: QWidget) -> bool:
    return bool(part.sizePolicy().expandingDirections() & Qt.Orientation.Horizontal)
