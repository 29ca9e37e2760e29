"""Pictures as the network will see them, read and prepared beside the event loop."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from analysis.picture_files import Picture
from analysis.pictures import PictureSet, open_pictures
from analysis.preparation import checked, prepare, shaped
from analysis.problems import AnalysisError
from analysis.request import Preprocessing
from app.forms.widgets import GRID, label, row
from app.hints import told

COUNT = 4
"""Pictures shown, evenly spread over the source."""
SIDE = 52
"""Pixels of a picture on screen."""
LARGEST = 256 * 2**20
"""Bytes of a single file above which it is not read for a preview."""


Found = tuple[list[Picture], str] | str
"""Pictures and words about them, or what is wrong."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to preview.

    Attributes
    ----------
    location, preprocessing
        Which pictures, and how they are prepared.
    shape
        (channels, height, width) of the network's input.
    """

    location: str
    preprocessing: Preprocessing
    shape: tuple[int, ...]


class PicturePreview(QWidget):
    """A row of prepared pictures with their size and range of values."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures = [QLabel() for _ in range(COUNT)]
        for place, picture in enumerate(self._pictures, start=1):
            picture.setFixedSize(SIDE, SIDE)
            picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
            picture.setAccessibleName(f"Prepared picture {place}")
        self.text = label("", "small", wrap=True)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(GRID // 2)
        box.addLayout(row(*self._pictures, None, spacing=4))
        box.addWidget(self.text)
        self._wanted: Wish | None = None
        self._shown: Wish | None = None
        self._reader = _Reader()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(200)
        self._soon.timeout.connect(self._start)
        self._found: SimpleQueue[tuple[Wish, Found]] = SimpleQueue()
        self._look = QTimer(self)
        self._look.setInterval(30)
        self._look.timeout.connect(self._take)
        self.hide()

    def want(self, wish: Wish | None) -> None:
        """Show other pictures soon; None shows nothing."""
        if wish == self._wanted:
            return
        self._wanted = wish
        if wish is None:
            self.hide()
        else:
            self._soon.start()

    def _start(self) -> None:
        wish = self._wanted
        if wish is not None and wish != self._shown:
            # The thread knows nothing of this widget: it must not be what holds it last.
            threading.Thread(target=_work, args=(self._reader, wish, self._found), daemon=True).start()
            self._look.start()

    def _take(self) -> None:
        """Show what the thread has left, in the thread of the window."""
        while not self._found.empty():
            wish, found = self._found.get_nowait()
            if wish == self._wanted:
                self._look.stop()
            self._show(wish, found)
        if self._wanted is None:
            self._look.stop()

    def _show(self, wish: Wish, found: Found) -> None:
        if wish != self._wanted:
            return  # something else has been asked for since
        self._shown = wish
        pictures, text = ([], found) if isinstance(found, str) else found
        for place, holder in enumerate(self._pictures):
            holder.setVisible(place < len(pictures))
            if place < len(pictures):
                holder.setPixmap(_pixmap(pictures[place]))
        self.text.setText(text)
        self.show()


def _work(reader: _Reader, wish: Wish, answers: SimpleQueue[tuple[Wish, Found]]) -> None:
    """Read pictures in a thread, and leave them, or what is wrong with them, where the window looks."""
    try:
        answers.put((wish, reader.read(wish)))
    except AnalysisError as error:
        answers.put((wish, str(told(error))))


class _Reader:
    """Opens pictures and prepares some of them; remembers the source that was opened last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._location = ""
        self._set: PictureSet | None = None

    def read(self, wish: Wish) -> tuple[list[Picture], str]:
        """Return prepared pictures as bytes, and words about them.

        Raises
        ------
        AnalysisError
            If there are no pictures, or they cannot be prepared like this.
        """
        with self._lock:
            if self._set is None or self._location != wish.location:
                _refuse_large(wish.location)
                self._set, self._location = open_pictures(wish.location, wish.shape), wish.location
            pictures = self._set
        channels = wish.shape[0] if wish.shape else 3
        preprocessing = checked(wish.preprocessing, channels)
        places = sorted({round(place) for place in np.linspace(0, len(pictures) - 1, COUNT)})
        originals = [picture for place in places if (picture := _read(pictures, place)) is not None]
        if not originals:
            raise AnalysisError("None of the first pictures can be read.", "Look at them in another program.")
        numbers = [prepare(picture, preprocessing, channels) for picture in originals]
        low, high = min(float(n.min()) for n in numbers), max(float(n.max()) for n in numbers)
        height, width = numbers[0].shape[1:]
        kind = "grey" if channels == 1 or preprocessing.grey else "colour"
        text = f"{len(pictures):,} pictures; {height}×{width}, {kind}, values {low:.2f} to {high:.2f}"
        return [shaped(picture, preprocessing, channels) for picture in originals], text.replace("-", "−")


def _refuse_large(location: str) -> None:
    path = Path(location)
    try:
        large = path.is_file() and path.stat().st_size > LARGEST
    except OSError:
        large = False
    if large:
        raise AnalysisError(f"{path.name} is too large for a preview.", "It can be measured all the same.")


def _read(pictures: PictureSet, place: int) -> Picture | None:
    try:
        return pictures.picture(place)
    except Exception:  # a damaged picture; the run that skips it says so
        return None


def _pixmap(picture: Picture) -> QPixmap:
    """Turn (height, width, 1 or 3) bytes into a pixmap of the size on screen."""
    colour = np.ascontiguousarray(np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture)
    height, width = colour.shape[:2]
    image = QImage(colour.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    how = (
        Qt.TransformationMode.SmoothTransformation
        if max(height, width) > SIDE
        else Qt.TransformationMode.FastTransformation
    )
    return QPixmap.fromImage(image.scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio, how))
