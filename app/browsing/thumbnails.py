"""Thumbnails of pictures: only those asked for are decoded, in a thread beside the event loop; few are kept."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from analysis.picture_files import Picture
from analysis.pictures import PictureSet, open_pictures, thumbnail
from analysis.problems import AnalysisError
from app.hints import told

SIDE = 96
"""Longest side of a thumbnail in pixels; smaller pictures stay as they are."""
MOST_BYTES = 48 * 2**20
"""Bytes of thumbnails that are kept; those not seen for longest go first."""


class Thumbnails(QObject):
    """Opens a source of pictures and makes thumbnails of what is asked for.

    What is asked for replaces what was asked for before: while scrolling, pictures that have gone by are never decoded.

    Parameters
    ----------
    most_bytes
        Bytes of thumbnails that are kept.

    Attributes
    ----------
    pictures
        The source, None until it is open.
    problem
        Why it could not be opened, "" if it could.
    decoded
        Number of pictures that have been decoded so far.
    """

    opened = Signal()
    """The source is open, or could not be opened."""
    arrived = Signal()
    """There are more thumbnails."""
    _announced = Signal(int, object)
    _made = Signal(int)

    def __init__(self, parent: QObject | None = None, most_bytes: int = MOST_BYTES) -> None:
        super().__init__(parent)
        self.pictures: PictureSet | None = None
        self.problem = ""
        self.decoded = 0
        self._source: tuple[object, ...] = ()
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[int, QImage | None] = OrderedDict()
        self._lock = threading.Condition()
        self._wanted: list[int] = []
        self._turn = 0
        self._announced.connect(self._take)
        self._made.connect(self._say)
        self.destroyed.connect(_stopper(self._lock, self._wanted))

    # -- the source --------------------------------------------------------------------------------------------------

    def open(self, location: str, shape: tuple[int, ...]) -> bool:
        """Open pictures that are not open already; :attr:`opened` follows. The shape is for noise.

        Returns
        -------
        bool
            False if they were open, or could not be opened when they were asked for last.
        """
        source = (location, shape if location.startswith("noise:") else ())
        if source == self._source:
            return False
        self.close()
        self._source, turn = source, self._turn
        if not location.startswith(("demo:", "noise:")) and not Path(location).expanduser().exists():
            self.problem = f"There is no file or folder '{location}'."
            return True
        threading.Thread(target=self._work, args=(turn, location, shape), daemon=True, name="thumbnails").start()
        return True

    def close(self) -> None:
        """Forget the source and all thumbnails."""
        with self._lock:
            self._turn += 1
            self._source = ()
            self._wanted.clear()
            self._kept.clear()
            self._bytes = 0
            self.pictures, self.problem = None, ""
            self._lock.notify_all()

    def _take(self, turn: int, found: PictureSet | str) -> None:
        if turn != self._turn:
            return  # another source has been opened since
        if isinstance(found, str):
            self.problem = found
        else:
            self.pictures = found
        self.opened.emit()

    def _say(self, turn: int) -> None:
        if turn == self._turn:
            self.arrived.emit()

    # -- what is asked for -------------------------------------------------------------------------------------------

    def want(self, places: Sequence[int]) -> None:
        """Ask for thumbnails, the first ones first, instead of those asked for before."""
        with self._lock:
            missing = [place for place in places if place not in self._kept]
            self._wanted[:] = missing
            if missing:
                self._lock.notify_all()

    def get(self, place: int) -> QImage | None:
        """Return a thumbnail; None if it is not there (yet), a null image if the picture cannot be read."""
        with self._lock:
            if place not in self._kept:
                return None
            self._kept.move_to_end(place)
            return self._kept[place] or QImage()

    @property
    def size(self) -> tuple[int, int]:
        """Thumbnails that are kept, and their bytes."""
        with self._lock:
            return len(self._kept), self._bytes

    def _keep(self, place: int, image: QImage | None) -> None:
        self._kept[place] = image
        self._bytes += image.sizeInBytes() if image is not None else 0
        while self._bytes > self._most_bytes and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._bytes -= old.sizeInBytes() if old is not None else 0

    # -- the thread --------------------------------------------------------------------------------------------------

    def _work(self, turn: int, location: str, shape: tuple[int, ...]) -> None:
        try:
            pictures = open_pictures(location, shape)
        except AnalysisError as error:
            self._tell(self._announced, turn, str(told(error)))
            return
        if not self._tell(self._announced, turn, pictures):
            return
        while True:
            with self._lock:
                while turn == self._turn and not self._wanted:
                    self._lock.wait()
                if turn != self._turn or self._wanted[0] < 0:
                    return
                place = self._wanted.pop(0)
            image = make_thumbnail(pictures, place)
            with self._lock:
                if turn != self._turn:
                    return
                self.decoded += 1
                self._keep(place, image)
            if not self._tell(self._made, turn):
                return

    @staticmethod
    def _tell(signal: object, *values: object) -> bool:
        with contextlib.suppress(RuntimeError):  # the window has gone in the meantime
            signal.emit(*values)  # type: ignore[attr-defined]  # a bound signal, which Qt's stubs do not name
            return True
        return False


def _stopper(lock: threading.Condition, wanted: list[int]) -> object:
    """Return what wakes the thread for the last time, without holding the object that is being destroyed."""

    def stop() -> None:
        with lock:
            wanted[:] = [-1]
            lock.notify_all()

    return stop


def make_thumbnail(pictures: PictureSet, place: int) -> QImage | None:
    """Decode a picture and shrink it; None if it cannot be read."""
    try:
        return image_of(thumbnail(pictures.picture(place), SIDE))
    except Exception:  # a damaged picture; its tile says so
        return None


def image_of(picture: Picture) -> QImage:
    """Turn (height, width) or (height, width, 3) bytes into an image of the same pixels."""
    colour = picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
    colour = np.ascontiguousarray(colour[:, :, :3] if colour.shape[2] >= 3 else np.repeat(colour[:, :, :1], 3, axis=2))
    height, width = colour.shape[:2]
    return QImage(colour.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
