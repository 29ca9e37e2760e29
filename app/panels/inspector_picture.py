"""The selected picture while no layer is selected: its pixels, its label, and what the network takes it for."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QVBoxLayout, QWidget

from analysis.pictures import PictureSet
from app.browsing.sample_card import TERM_OF, GuessBars, Pixels
from app.browsing.thumbnails import Thumbnails, image_of
from app.forms.name_label import NameLabel
from app.forms.term_label import TermText
from app.forms.widgets import GRID, label
from app.reading.sample_comparison import shown_run
from app.reading.sample_words import fact_words
from app.reading.samples import guesses, sample_table
from app.theme import Theme
from app.workspace import Workspace

NEXT = "Select a layer to see its activations for this picture."


class PictureSection(QWidget):
    """The picture enlarged, facts about it, and the most likely classes."""

    help_wanted = Signal(str)

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__()
        self.workspace, self.theme = workspace, theme
        self._decoded: tuple[PictureSet | None, int] = (None, -1)
        self._told: tuple[object, ...] = ()
        self._image, self._trouble, self._any = QImage(), "", False
        self.thumbnails = Thumbnails(self)
        self.thumbnails.opened.connect(self.refresh)
        self.heading, self.note = NameLabel(), label("", "soft", wrap=True)
        self.pixels, self.bars = Pixels(), GuessBars(theme)
        self.facts = TermText(theme, "soft", TERM_OF)
        self.heading.setAccessibleName("Selected picture")
        for part in (self.facts, self.bars):
            part.help_wanted.connect(self.help_wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 0, 12, 0)
        column.setSpacing(GRID)
        for widget in (self.heading, self.pixels, self.facts, self.bars, self.note):
            column.addWidget(widget)
        self.hide()

    def show_selection(self, wanted: bool) -> bool:
        """Show the selected picture if there is one and it is wanted, and return whether there is."""
        images = self.workspace.images
        shown = wanted and images is not None and self.workspace.selection.sample >= 0
        self.setVisible(shown)
        if images is not None and shown:
            self.thumbnails.open(images.location, self.workspace.input_shape)
            self.refresh()
        return shown

    def refresh(self) -> None:
        """Show what is known of the picture now."""
        pictures, place = self.thumbnails.pictures, self.workspace.selection.sample
        self.heading.setFont(self.theme.font("code"))
        known = pictures is not None and 0 <= place < len(pictures)
        for widget in (self.pixels, self.facts, self.bars):
            widget.setVisible(known)
        self.heading.setText(pictures.name(place) if pictures is not None and known else f"#{place}")
        waiting = "The pictures are being read …" if pictures is None else "There is no such picture."
        self.note.setText(NEXT if known else self.thumbnails.problem or waiting)
        if pictures is not None and known:
            self._show_picture(pictures, place)

    def _show_picture(self, pictures: PictureSet, place: int) -> None:
        self._decode(pictures, place)
        run = shown_run(self.workspace)
        result = run.result if run is not None else None
        known = (pictures, place, result, result.changes if result is not None else 0)
        if known != self._told:
            self._told = known
            table = sample_table(pictures, result)
            found = guesses(table, result, place)
            self.facts.say("\n".join(line for line in (self._trouble, fact_words(table, place, None)) if line))
            self.bars.show_guesses(found)
            self._any = bool(found)
        self.pixels.setVisible(not self._image.isNull())
        self.bars.setVisible(self._any)

    def _decode(self, pictures: PictureSet, place: int) -> None:
        """Read the picture once: a panel is refreshed at every step of a run, and a photograph takes a while."""
        if self._decoded == (pictures, place):
            return
        self._decoded, self._image, self._trouble = (pictures, place), QImage(), ""
        try:
            self._image = image_of(pictures.picture(place))
        except Exception as error:  # a damaged picture is no reason to stop
            self._trouble = f"This picture cannot be read: {error}"
        self.pixels.show_image(self._image)
