"""The bar at the top: what is open (network, pictures, device), and the button that measures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QSizePolicy, QToolButton, QWidget

from analysis.request import Compute, DeviceInfo, ImageSource, ModelSource
from app.forms.term_label import TermLabel
from app.forms.widgets import GRID, Elided, label
from app.reading.measurements import used_words
from app.reading.network_size import size_of
from app.settings import Preferences
from app.theme import Theme
from app.workspace import Workspace

DTYPES = ("float32", "float64", "float16", "bfloat16")
DEMO_MODELS = ("demo:fashion_resnet", "demo:fashion_plain")
DEMO_IMAGES = ("demo:test", "demo:train", "noise:64")
NAME_WIDTH = 220
"""Most pixels of a name on a chip at normal text size; the tool tip has all of it."""


class Chip(QPushButton):
    """A part of the state of the world: a name, facts beside it, and badges. Opens a menu.

    Parameters
    ----------
    terms
        What the facts are, in the glossary, where they are numbers: a click on one opens its definition.
    """

    help_wanted = Signal(str)

    def __init__(self, theme: Theme, icon: str, name: str, terms: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.setProperty("role", "chip")
        self._what = name
        self._theme = theme
        self._brief = self._counted = False
        self._said = ("", "")
        self._mark = QLabel()
        self._icon = icon
        self._name = Elided("", where=Qt.TextElideMode.ElideMiddle)
        self._name.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._facts = label("", "soft")
        self.numbers = tuple(TermLabel("", term, "soft") for term in terms)
        for number in self.numbers:
            number.help_wanted.connect(self.help_wanted)
        self._badge = label("", "badge")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(GRID, 4, GRID, 4)
        layout.setSpacing(6)
        for part in (self._mark, self._name, self._facts, *self.numbers, self._badge):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, part not in self.numbers)
            layout.addWidget(part)
        self._arrow = QLabel()
        for mark in (self._mark, self._arrow):
            mark.setFixedWidth(16 if mark is self._mark else 12)
        self._arrow.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        layout.addWidget(self._arrow)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        self._mark.setPixmap(self._theme.icon(self._icon, "text_soft").pixmap(16, 16))
        self._arrow.setPixmap(self._theme.icon("down", "text_soft").pixmap(12, 12))
        self._name.setFont(self._theme.font("bold"))
        self._resize()

    def show_state(self, name: str, facts: str = "", badge: str = "", tip: str = "") -> None:
        """Show what is open now."""
        self._name.set_text(name)
        parts = facts.split(" · ")
        self._counted = bool(self.numbers) and len(parts) == len(self.numbers)
        for number, text in zip(self.numbers, parts, strict=False):
            number.setText(text)
            number.setAccessibleName(text)
        self._facts.setText("" if self._counted else facts)
        self._badge.setText(badge)
        self._said = (facts, badge)
        self.setAccessibleName(", ".join(part for part in (f"{self._what}: {name}", facts, badge) if part))
        self.setToolTip(tip or self._what)
        self._resize()

    def set_brief(self, brief: bool) -> None:
        """Leave out the facts, for a narrow window; the tool tip has them."""
        if brief != self._brief:
            self._brief = brief
            self._resize()

    def _resize(self) -> None:
        facts, badge = self._said
        self._facts.setVisible(bool(facts) and not self._brief and not self._counted)
        for number in self.numbers:
            number.setVisible(self._counted and not self._brief)
        self._badge.setVisible(bool(badge) and not self._brief)
        width = self._name.fontMetrics().horizontalAdvance(self._name.full) + 6
        most = NAME_WIDTH // 2 if self._brief else NAME_WIDTH
        self._name.setFixedWidth(min(width, round(most * self._theme.scale)))
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Ask for room for all parts."""
        layout = self.layout()
        assert layout is not None
        return layout.sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Ask for the same: names are cut before chips are."""
        return self.sizeHint()


class TopBar(QWidget):
    """Chips for network, pictures and device, the Measure button, and the search.

    Parameters
    ----------
    workspace, theme, preferences
        What is shown, and the recent things to offer.
    actions
        The window's actions by id.
    """

    model_chosen = Signal(object)
    """A :class:`analysis.request.ModelSource`."""
    images_chosen = Signal(object)
    """A :class:`analysis.request.ImageSource`."""
    method_chosen = Signal(str)
    help_wanted = Signal(str)

    def __init__(
        self, workspace: Workspace, theme: Theme, preferences: Preferences, actions: dict[str, QAction]
    ) -> None:
        super().__init__()
        self.setObjectName("top_bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._workspace, self._theme, self._preferences, self._actions = workspace, theme, preferences, actions
        self._devices: tuple[DeviceInfo, ...] = ()
        self.model = Chip(theme, "network", "Network", ("parameters", "macs"))
        self.model.help_wanted.connect(self.help_wanted)
        self.images = Chip(theme, "images", "Pictures")
        self.device = Chip(theme, "device", "Device")
        for chip, fill in ((self.model, self._fill_models), (self.images, self._fill_images)):
            chip.setMenu(self._menu(fill))
        self.device.setMenu(self._menu(self._fill_devices))
        self.measure = self._measure_button()
        find = self._find = QToolButton()
        find.setDefaultAction(actions["show_palette"])
        find.setProperty("role", "flat")
        find.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        find.setText("Find anything")
        find.setAccessibleName("Find anything")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, GRID, 12, GRID)
        layout.setSpacing(GRID)
        for widget in (self.model, self.images, self.device, self.measure):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(find)
        self._connect()
        self.refresh()

    def minimumSizeHint(self) -> QSize:
        """Let the window be narrow: facts on the chips go first."""
        return QSize(400, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out facts where there is no room for them."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Show as much as fits: first the words of the search go, then facts from right to left."""
        chips = (self.device, self.images, self.model)
        for chip in chips:
            chip.set_brief(False)
        self._find.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        if self._needed() > self.width():
            self._find.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        for chip in chips:
            if self._needed() > self.width():
                chip.set_brief(True)

    def _needed(self) -> int:
        parts = (self.model, self.images, self.device, self.measure, self._find)
        return sum(part.sizeHint().width() for part in parts) + 5 * GRID + 24

    def _measure_button(self) -> QToolButton:
        button = QToolButton()
        button.setText("Measure")
        button.setProperty("role", "primary")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._theme.set_icon(button, "play", "on_accent")
        button.setAccessibleName("Measure")
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setMenu(self._menu(self.fill_measure))
        return button

    def _connect(self) -> None:
        workspace = self._workspace
        for signal in (
            workspace.model_changed,
            workspace.images_changed,
            workspace.compute_changed,
            workspace.edits_changed,
            workspace.runs_changed,
            workspace.run_finished,
        ):
            signal.connect(self.refresh)

    def set_devices(self, devices: tuple[DeviceInfo, ...]) -> None:
        """Take in what the engine can compute on."""
        self._devices = devices
        self.refresh()

    # -- what is shown -----------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what is open now."""
        self._show_model()
        self._show_images()
        self._show_device()
        self.measure.setEnabled(self._workspace.structure is not None)
        self._fit()

    def _show_model(self) -> None:
        workspace = self._workspace
        source, structure = workspace.model, workspace.structure
        if source is None:
            self.model.show_state("No network", tip="Choose a network")
            return
        if structure is None:
            name = title_of(source)
            self.model.show_state(name, "opening…" if workspace.loading is not None else "", tip=full_name(source))
            return
        prepared = structure.prepared
        known = "total_parameters" in structure and "total_macs" in structure
        size = size_of(workspace) if known else None
        facts = size.facts if size is not None else ()
        badges = list(prepared.badges if prepared else ())
        if not workspace.edits.empty:
            badges.append("weights shared" if workspace.edits.ring else "edited")
        name = display_name(prepared.model if prepared else "", source)
        edits = "" if workspace.edits.empty else workspace.edits.summary()
        counts = size.details if size is not None else ""
        tip = "\n".join(part for part in (full_name(source), counts, *badges, edits, used_words(workspace)) if part)
        self.model.show_state(name, " · ".join(facts), _badge(badges), tip)

    def _show_images(self) -> None:
        images = self._workspace.images
        if images is None:
            self.images.show_state("No pictures", tip="Choose pictures")
            return
        total = self._known_total(images)
        facts = f"{total:,} pictures" if total else ""
        self.images.show_state(short_location(images.location), facts, tip=images.location)

    def _known_total(self, images: ImageSource) -> int:
        for run in reversed(list(self._workspace.runs.values())):
            prepared = run.result.prepared
            if prepared and prepared.samples.total and run.request.images == images:
                return prepared.samples.total
        return 0

    def _show_device(self) -> None:
        compute = self._workspace.compute
        info = next((device for device in self._devices if device.name == compute.device), None)
        facts = []
        if compute.device == "cpu" and compute.threads:
            facts.append(f"{compute.threads} thread{'s' if compute.threads > 1 else ''}")
        if info and info.total and compute.device != "cpu":
            used, total = (info.total - info.free) / 2**30, info.total / 2**30
            facts.append(f"{used:.1f}/{total:.0f} GB")
        if compute.dtype != "float32":
            facts.append(compute.dtype)
        self.device.show_state(compute.device, " · ".join(facts), tip=info.title if info else compute.device)

    # -- menus -------------------------------------------------------------------------------------------------------

    def _menu(self, fill: Callable[[QMenu], None]) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(partial(self._refill, menu, fill))
        return menu

    @staticmethod
    def _refill(menu: QMenu, fill: Callable[[QMenu], None]) -> None:
        menu.clear()
        for group in menu.findChildren(QActionGroup):
            group.deleteLater()
        fill(menu)

    def _fill_models(self, menu: QMenu) -> None:
        for name in ("open_file", "open_folder", "choose_model"):
            menu.addAction(self._actions[name])
        menu.addSection("Recent")
        recent = self._preferences.settings.recent_models
        for model in recent:
            source = ModelSource(model.name, model.weights)
            self._add(
                menu, display_name(model.title, source), full_name(source), partial(self.model_chosen.emit, source)
            )
        menu.addSection("Demo")
        for name in DEMO_MODELS:
            self._add(menu, name, "", partial(self.model_chosen.emit, ModelSource(name)))
        menu.addSeparator()
        menu.addAction(self._actions["close_model"])

    def _fill_images(self, menu: QMenu) -> None:
        for name in ("open_file", "open_folder", "choose_images"):
            menu.addAction(self._actions[name])
        menu.addSection("Recent")
        for location in self._preferences.settings.recent_images:
            if location not in DEMO_IMAGES:
                text = short_location(location)
                self._add(menu, text, location, partial(self.images_chosen.emit, ImageSource(location)))
        menu.addSection("Demo")
        for name in DEMO_IMAGES:
            self._add(menu, name, "", partial(self.images_chosen.emit, ImageSource(name)))

    def _fill_devices(self, menu: QMenu) -> None:
        compute = self._workspace.compute
        devices = self._devices or (DeviceInfo(compute.device, ""),)
        group = QActionGroup(menu)
        for device in devices:
            memory = f"  ·  {device.free / 2**30:.1f} of {device.total / 2**30:.0f} GB free" if device.total else ""
            action = self._add(menu, f"{device.name}  {device.title}{memory}", "", self._setter("device", device.name))
            self._check(action, device.name == compute.device, group)
        menu.addSection("Precision")
        group = QActionGroup(menu)
        for dtype in DTYPES:
            self._check(self._add(menu, dtype, "", self._setter("dtype", dtype)), dtype == compute.dtype, group)
        menu.addSeparator()
        menu.addAction(self._actions["choose_device"])

    def fill_measure(self, menu: QMenu) -> None:
        """Fill a menu with what can be measured."""
        menu.addAction(self._actions["first_look"])
        menu.addSeparator()
        for info in self._workspace.methods:
            if info.name not in ("structure", "save_network"):
                self._add(menu, f"{info.title}…", info.summary, partial(self.method_chosen.emit, info.name))
        menu.addSeparator()
        for name in ("measure_again", "cancel_run"):
            menu.addAction(self._actions[name])

    def _setter(self, name: str, value: str) -> Callable[[], None]:
        return lambda: self.set_compute(**{name: value})

    def set_compute(self, **changes: str) -> None:
        """Compute elsewhere from now on, and remember it."""
        plain = {name: getattr(self._workspace.compute, name) for name in Compute.__slots__}
        self._workspace.set_compute(Compute(**(plain | changes)))
        self._preferences.change(**changes)

    def _add(self, menu: QMenu, text: str, tip: str, call: Callable[[], object]) -> QAction:
        action = menu.addAction(text.replace("&", "&&"))
        action.setToolTip(tip or text)
        action.triggered.connect(lambda: call())
        return action

    @staticmethod
    def _check(action: QAction, checked: bool, group: QActionGroup) -> None:
        action.setCheckable(True)
        action.setChecked(checked)
        group.addAction(action)


def _badge(badges: list[str]) -> str:
    """Show one badge, and how many more there are."""
    if not badges:
        return ""
    return badges[-1] if len(badges) == 1 else f"{badges[-1]} +{len(badges) - 1}"


def title_of(source: ModelSource) -> str:
    """Return a short name for what is being opened."""
    if source.weights and source.name in ("auto", "") and source.weights[0] not in ("random", "pretrained"):
        return Path(source.weights[0]).name
    return source.name if ":" in source.name and ".py" not in source.name else Path(source.name).name


def display_name(found: str, source: ModelSource) -> str:
    """Return a network's name for people: as it was recognised, else as it was asked for."""
    name = found or title_of(source)
    if ".py:" in name or name.endswith(".pt2"):
        name = Path(name).name
    return name


def full_name(source: ModelSource) -> str:
    """Return everything that a source says, for a tool tip."""
    return "\n".join([source.name, *source.weights[:6], *(["…"] if len(source.weights) > 6 else [])])


def short_location(location: str) -> str:
    """Return the last part of a path; names stay as they are."""
    if location.startswith(("demo:", "noise:")):
        return location
    return Path(location).name or location
