"""Colour roles, fonts and icons, light and dark, applied to the whole window at once.

Roles stand in `resources/themes.json`; every widget and plot asks for a role, never for a colour:

* surfaces: ``window`` (panels and bars), ``surface`` (behind plots), ``raised`` (chips, fields), ``hover``,
  ``selected``, ``line`` (borders, axes), ``grid``;
* text: ``text``, ``text_soft``, ``text_disabled``, ``accent`` (the one primary action, focus), ``on_accent``,
  ``good``, ``warning``, ``error``;
* plots: ``crosshair``, ``outline`` (a compared run), ``unused`` (the part of a width that is not used);
* one hue per method (Okabe and Ito 2008): ``rank``, ``bundles``, ``widths``, ``configurations``, ``sharing``, ``cost``;
* marks: ``zero``, ``not_measured``, ``not_applicable``, ``non_finite``.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from weakref import WeakKeyDictionary

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QApplication
from shiboken6 import isValid

RESOURCES = Path(__file__).parent.parent / "resources"
MODES = ("system", "light", "dark")
SMALLEST, LARGEST = 0.7, 2.5
"""Limits of the font scale."""
READABLE = 4.5
"""Contrast ratio that text needs against what is behind it (WCAG 2.1, success criterion 1.4.3)."""


class Theme(QObject):
    """Colours, fonts and icons of the window.

    Parameters
    ----------
    mode
        "system" follows the desktop, "light" and "dark" do not.
    scale
        Font size relative to the system's.

    Attributes
    ----------
    dark
        True if the dark colours are in use.
    text_size, small_size, title_size
        Font sizes in points, scale included.
    """

    changed = Signal()
    """Colours or font sizes are others; read them again and repaint."""

    def __init__(self, mode: str = "system", scale: float = 1.0, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._colors = _read_colors()
        self._base = _base_font()
        self._icons: dict[tuple[str, str], QIcon] = {}
        self._dressed: WeakKeyDictionary[QAction | QAbstractButton, tuple[str, str]] = WeakKeyDictionary()
        self.mode = mode if mode in MODES else "system"
        self.scale = min(max(scale, SMALLEST), LARGEST)
        self.dark = self._wanted_dark()
        hints = QGuiApplication.styleHints()
        hints.colorSchemeChanged.connect(self._follow_system)

    # -- colours -----------------------------------------------------------------------------------------------------

    def color(self, role: str) -> QColor:
        """Return the colour of a role.

        Raises
        ------
        KeyError
            For an unknown role.
        """
        return QColor(self._colors[self.dark][role][0])

    def readable(self, role: str, on: str = "window") -> QColor:
        """Return a role's colour, moved towards the text colour until it can be read as text on the role `on`."""
        color, behind, text = self.color(role), self.color(on), self.color("text")
        for step in range(21):
            mixed = mix(color, text, step / 20)
            if contrast(mixed, behind) >= READABLE:
                return mixed
        return text

    def heat(self, share: float) -> QColor:
        """Return the colour of a value between 0 and 1 on the sequential scale."""
        stops = self.heat_stops()
        place = min(max(share, 0.0), 1.0) * (len(stops) - 1)
        first = min(int(place), len(stops) - 2)
        return mix(stops[first], stops[first + 1], place - first)

    def heat_stops(self) -> list[QColor]:
        """Return the evenly spaced colours of the sequential scale, least to most."""
        return [QColor(text) for text in self._colors[self.dark]["heat"]]

    def text_on(self, color: QColor) -> QColor:
        """Return black or white, whichever reads better on a colour."""
        return max((QColor("#000000"), QColor("#ffffff")), key=lambda ink: contrast(ink, color))

    # -- fonts -------------------------------------------------------------------------------------------------------

    @property
    def text_size(self) -> float:
        """Size of ordinary text in points."""
        return self._base.pointSizeF() * self.scale

    @property
    def small_size(self) -> float:
        """Size of captions and tick labels in points."""
        return self.text_size * 0.9

    @property
    def title_size(self) -> float:
        """Size of headings in points."""
        return self.text_size * 1.35

    def font(self, kind: str = "text") -> QFont:
        """Return a font.

        Parameters
        ----------
        kind
            "text", "small", "bold", "title", "code" (layer names) or "small_code".
        """
        font = QFont(self._base)
        if kind.endswith("code"):
            font.setFamilies(_code_families())
            font.setStyleHint(QFont.StyleHint.Monospace)
        sizes = {"small": self.small_size, "small_code": self.small_size, "title": self.title_size}
        font.setPointSizeF(sizes.get(kind, self.text_size))
        if kind in ("bold", "title"):
            font.setWeight(QFont.Weight.DemiBold)
        font.setFeature(QFont.Tag("tnum"), 1)  # figures of one width, so that columns of numbers line up
        return font

    # -- icons -------------------------------------------------------------------------------------------------------

    def icon(self, name: str, role: str = "text") -> QIcon:
        """Return the icon `resources/icons/<name>.svg` in the colour of a role, sharp at every scale."""
        key = (name, self.color(role).name())
        if key not in self._icons:
            self._icons[key] = _draw_icon(name, self.color(role), self.color("text_disabled"))
        return self._icons[key]

    def set_icon(self, target: QAction | QAbstractButton, name: str, role: str = "text") -> None:
        """Put an icon on an action or button, and keep its colour right when the theme changes."""
        self._dressed[target] = (name, role)
        target.setIcon(self.icon(name, role))

    # -- changing ----------------------------------------------------------------------------------------------------

    def set_mode(self, mode: str) -> None:
        """Choose "system", "light" or "dark"."""
        if mode in MODES and mode != self.mode:
            self.mode = mode
            self.dark = self._wanted_dark()
            self.apply()

    def set_scale(self, scale: float) -> None:
        """Choose the font size relative to the system's."""
        scale = round(min(max(scale, SMALLEST), LARGEST), 2)
        if scale != self.scale:
            self.scale = scale
            self.apply()

    def _wanted_dark(self) -> bool:
        if self.mode != "system":
            return self.mode == "dark"
        return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark

    def _follow_system(self) -> None:
        if self._wanted_dark() != self.dark:
            self.dark = self._wanted_dark()
            self.apply()

    def apply(self) -> None:
        """Put palette, font and style sheet on the application and tell everyone."""
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.setFont(self.font())
            app.setPalette(self.palette())
            app.setStyleSheet(self.style_sheet())
        for target, (name, role) in list(self._dressed.items()):
            if isValid(target):
                target.setIcon(self.icon(name, role))
        self.changed.emit()

    def palette(self) -> QPalette:
        """Return the palette for Qt's own widgets."""
        palette = QPalette()
        role = QPalette.ColorRole
        pairs = {
            role.Window: "window",
            role.WindowText: "text",
            role.Base: "window",
            role.AlternateBase: "surface",
            role.ToolTipBase: "raised",
            role.ToolTipText: "text",
            role.PlaceholderText: "text_soft",
            role.Text: "text",
            role.Button: "raised",
            role.ButtonText: "text",
            role.Highlight: "selected",
            role.HighlightedText: "text",
            role.Link: "accent",
            role.LinkVisited: "accent",
            role.Accent: "accent",
            role.Light: "raised",
            role.Mid: "line",
            role.Dark: "line",
        }
        for kind, name in pairs.items():
            palette.setColor(kind, self.color(name))
        for kind in (role.Text, role.WindowText, role.ButtonText, role.HighlightedText):
            palette.setColor(QPalette.ColorGroup.Disabled, kind, self.color("text_disabled"))
        return palette

    def style_sheet(self) -> str:
        """Return the one style sheet of the window, with colours in place of its ``@roles``."""
        text = (RESOURCES / "window.qss").read_text(encoding="utf-8")
        for name in sorted(self._colors[self.dark], key=len, reverse=True):
            text = text.replace(f"@{name}", self.color(name).name())
        small, title = f"{self.small_size:.1f}pt", f"{self.title_size:.1f}pt"
        return (
            text.replace("$small", small).replace("$title", title).replace("$icons", (RESOURCES / "icons").as_posix())
        )


def _read_colors() -> dict[bool, dict[str, list[str]]]:
    plain = json.loads((RESOURCES / "themes.json").read_text(encoding="utf-8"))
    return {
        name == "dark": {role: [value] if isinstance(value, str) else value for role, value in roles.items()}
        for name, roles in plain.items()
    }


def mix(one: QColor, other: QColor, share: float) -> QColor:
    """Return the colour `share` of the way from one to the other."""
    parts = (
        round(a + (b - a) * share)
        for a, b in zip(one.getRgb()[:3], other.getRgb()[:3], strict=True)  # type: ignore[index]  # stub says object
    )
    return QColor(*parts)


def contrast(one: QColor, other: QColor) -> float:
    """Return the contrast ratio of two colours, from 1 to 21 (WCAG 2.1, "contrast ratio")."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: QColor) -> float:
    parts = [color.redF(), color.greenF(), color.blueF()]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def bundled_fonts() -> Path | None:
    """Folder of the free DejaVu fonts that come with matplotlib; found without importing it."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or not found.origin:
        return None
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    return folder if folder.is_dir() else None


def load_bundled_fonts() -> bool:
    """Offer the bundled fonts to Qt, for systems without any and for pictures that must not depend on the system."""
    folder = bundled_fonts()
    names = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf")
    files = [folder / name for name in names] if folder else []
    return bool(files) and all(QFontDatabase.addApplicationFont(str(file)) >= 0 for file in files)


def _base_font() -> QFont:
    if not QFontDatabase.families():
        load_bundled_fonts()
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    if font.pointSizeF() <= 0:
        font.setPointSizeF(10.0)
    return font


def _code_families() -> list[str]:
    return ["SF Mono", "Cascadia Mono", "JetBrains Mono", "DejaVu Sans Mono", "Liberation Mono", "monospace"]


def _draw_icon(name: str, color: QColor, disabled: QColor) -> QIcon:
    source = (RESOURCES / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    icon = QIcon()
    for mode, ink in ((QIcon.Mode.Normal, color), (QIcon.Mode.Disabled, disabled)):
        renderer = QSvgRenderer(QByteArray(source.replace("currentColor", ink.name()).encode()))
        for size in (16, 24, 32, 48):
            pixmap = QPixmap(QSize(size, size))
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            renderer.render(painter, QRectF(0, 0, size, size))
            painter.end()
            icon.addPixmap(pixmap, mode)
    return icon
