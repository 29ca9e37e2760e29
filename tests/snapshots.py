"""Approved pictures: compared in coarse cells, so that another version of a font renderer does not matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from tests.gestures import settle

FOLDER = Path(__file__).parent / "snapshots"
CELL = 6
"""Pixels of the squares whose mean colours are compared."""
STEP = 26
"""Difference of mean colours, 0 to 255, from which a square counts as different."""
MOST = 0.012
"""Share of squares that may differ."""


def check(widget: QWidget, name: str, request: pytest.FixtureRequest) -> None:
    """Compare a widget with the picture `snapshots/<name>.png`."""
    settle()
    picture = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    file = FOLDER / f"{name}.png"
    if request.config.getoption("--update-snapshots"):
        FOLDER.mkdir(exist_ok=True)
        assert picture.save(str(file), quality=0)  # as small as can be
        return
    approved = QImage(str(file)).convertToFormat(QImage.Format.Format_RGB32)
    assert not approved.isNull(), f"{file.name} is missing; make it with --update-snapshots and look at it"
    assert picture.size() == approved.size(), f"{name} has another size than the approved picture"
    share = difference(picture, approved)
    if share > MOST:
        found = file.with_suffix(".found.png")
        picture.save(str(found))
        pytest.fail(f"{100 * share:.1f} % of {name} differ from the approved picture; see {found}")


def difference(one: QImage, other: QImage) -> float:
    """Share of coarse squares whose mean colour differs."""
    a, b = _coarse(one), _coarse(other)
    return float((np.abs(a - b).max(axis=-1) > STEP).mean())


def _coarse(image: QImage) -> NDArray[np.float64]:
    width, height = image.width() // CELL * CELL, image.height() // CELL * CELL
    pixels = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    squares = pixels[:height, :width, :3].reshape(height // CELL, CELL, width // CELL, CELL, 3)
    return np.asarray(squares.mean(axis=(1, 3)), dtype=np.float64)
