"""Samples: the loaded pictures, filtered by class, verdict and confidence, and one of them closely."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QToolButton, QVBoxLayout, QWidget

from analysis.figures import FigureSpec
from analysis.measures.picks import write_picks
from analysis.result import Result
from app.browsing.grid import SampleGrid
from app.browsing.sample_card import ROOM, SampleCard
from app.browsing.sample_menu import SampleMenu
from app.browsing.thumbnails import Thumbnails, image_of
from app.browsing.wish_row import WishRow, wish_of
from app.drawing.readout import Line
from app.forms.offer import Offer
from app.forms.second_offer import SecondOffer
from app.reading import conditions
from app.reading.asking_second import of_second
from app.reading.configurations import METHOD as CONFIGURATIONS
from app.reading.figure_comparison import run_of, with_second
from app.reading.sample_comparison import SecondAnswers, second_answers, second_run, shown_run
from app.reading.sample_words import count_words, fact_words, no_picture, preparation_words
from app.reading.samples import SampleTable, fitting, guesses, number_asked, sample_table, with_file
from app.reading.switched import answer
from app.theme import Theme
from app.views.base import View, duration_words
from app.workspace import Run, SampleFilter, Workspace

METHOD = "evaluate"
CARD = 196
OFFER = "Right and wrong, confidence and loss need predictions."
HINT = "Select a picture to see its pixels and what the network takes it for. Arrow keys move, shift selects several."
LETTERS, MOST = 3, 12
"""Fewest letters by which files are found from outside, and most that are listed."""
SHOW_ALL = "Show all pictures"
DEEPER = "attribution"
"""The view that shows more of a picture."""


class SamplesView(View):
    """A grid of pictures beside one of them."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Samples")
        self.thumbnails = Thumbnails(self)
        self.table: SampleTable | None = None
        self.second: SecondAnswers | None = None
        self._files: tuple[str, ...] | None = None
        """Names of the files in small letters; None until they are searched."""
        self._going = -1
        """Picture to go to as soon as they are read, -1 for none."""
        self._read: tuple[object, ...] = ()
        self._compared: tuple[object, ...] = ()
        self._build()
        self.thumbnails.opened.connect(self.invalidate)
        workspace.sample_filter_changed.connect(self.invalidate)

    def _build(self) -> None:
        self.wishes, self.grid = WishRow(), SampleGrid(self.theme, self.thumbnails)
        self.card, self.offer = SampleCard(self.theme), Offer()
        self.summary, self.facts = Line(self.theme, "text"), Line(self.theme)
        self.card.help_wanted.connect(self.help_wanted)
        self.chip = QToolButton()
        self.chip.setToolTip("Show all pictures again")
        self.chip.setAccessibleName("End the filter")
        self.offer.say(OFFER, "Measure accuracy")
        self.chip.clicked.connect(lambda: self.workspace.filter_samples(None))
        self.wishes.changed.connect(self._wish_changed)
        self.offer.pressed.connect(self._measure)
        self.grid.chosen.connect(self.workspace.select_sample)
        self.grid.opened.connect(self._go_deep)
        self.grid.typed.connect(self._search)
        self.wishes.entered.connect(self._enter)
        self.grid.customContextMenuRequested.connect(self._show_menu)
        self.outside = Offer()
        self.outside.pressed.connect(self._show_all)
        middle = QSplitter(Qt.Orientation.Horizontal)
        middle.addWidget(self.grid)
        middle.addWidget(self.card)
        middle.setStretchFactor(0, 5)
        middle.setStretchFactor(1, 1)
        middle.setSizes([556, CARD])
        middle.setHandleWidth(3)
        middle.setChildrenCollapsible(False)
        self.card.setMinimumWidth(180)
        self.card.setMaximumWidth(ROOM + 40)
        counts, footer = QHBoxLayout(), QHBoxLayout()
        counts.setContentsMargins(8, 0, 8, 4)
        counts.addWidget(self.summary, 1)
        counts.addWidget(self.chip)
        footer.setContentsMargins(8, 0, 8, 4)
        footer.addWidget(self.facts, 1)
        self.ask_second = SecondOffer(self.workspace, "Measure its accuracy")
        footer.addWidget(self.ask_second, alignment=Qt.AlignmentFlag.AlignLeft)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for part in (self.wishes, counts, self.outside, middle, footer, self.offer):
            if isinstance(part, QWidget):
                layout.addWidget(part, 1 if part is middle else 0)
            else:
                layout.addLayout(part)

    # -- showing -----------------------------------------------------------------------------------------------------

    def concerns(self, run: Run) -> bool:
        """Tell whether a run is one of those that are drawn here."""
        return run.request.method in (METHOD, CONFIGURATIONS)

    def refresh(self) -> None:
        """Show the pictures that fit, as far as they are known."""
        if self.workspace.images is None:
            self.thumbnails.close()
            self._show_why_empty()
            return
        self._open_pictures()
        if self.thumbnails.problem:
            self.show_empty(f"The pictures cannot be opened: {self.thumbnails.problem}", "Choose other pictures…")
        elif self.thumbnails.pictures is None:
            self.show_empty("The pictures are being read …")
        else:
            self.show_content()
            self._take_table()
            self._show_places()
            if self._going >= 0:  # now that there are rows to scroll to
                self.go_to(self._going)
            self._show_sample()
            self._show_words()

    def _show_why_empty(self) -> None:
        sentence = (
            "Samples shows the loaded pictures, which of them the network gets right or wrong, and how sure it is. It "
            "needs pictures."
        )
        self.show_empty(sentence, "Open the demo" if self.workspace.model is None else "Choose pictures…")

    def fill(self) -> None:
        """Do what the button of the empty state says."""
        demo = self.workspace.model is None and self.workspace.images is None
        self.action_wanted.emit("open_demo" if demo else "choose_images")

    def _open_pictures(self) -> None:
        images = self.workspace.images
        assert images is not None  # asked for after looking
        if self.thumbnails.open(images.location, self.workspace.input_shape):
            self._read, self.table, self._files = (), None, None
            self.grid.show_places(None, np.empty(0, dtype=np.int64))

    def _run(self) -> Run | None:
        return shown_run(self.workspace)

    def _result(self) -> Result | None:
        run = self._run()
        return run.result if run else None

    def _take_table(self) -> None:
        pictures, result = self.thumbnails.pictures, self._result()
        assert pictures is not None  # asked for after looking
        read = (id(pictures), id(result), result.changes if result else 0)
        if read != self._read:
            self._read = read
            self.table = sample_table(pictures, result)
            self.wishes.set_classes(self.table.classes, self.table.predicted)
            self.wishes.set_measured(self.table.measured)
        self._take_second()

    def _take_second(self) -> None:
        """Read what the network that is compared with says of the same pictures."""
        pictures, shown = self.thumbnails.pictures, self._run()
        second = second_run(self.workspace, shown)
        assert pictures is not None  # asked for after looking
        read = (self._read, self.workspace.compared, id(second), second.result.changes if second else 0)
        if read != self._compared:
            self._compared = read
            self.second = second_answers(self.workspace, pictures, shown)
            there = self.second is not None and self.second.table is not None
            self.wishes.set_compared(self.second.name if self.second is not None and there else "")

    def _show_places(self) -> None:
        assert self.table is not None  # taken just before
        chosen = self.workspace.sample_filter
        wish = self.wishes.usable(self.table.measured)
        of_two = self.second.fits(self.table, wish.verdict) if self.second is not None else None
        files = self._file_names() if wish.words.strip() else ()
        places = fitting(self.table, wish, chosen.places if chosen else None, of_two, files)
        self.grid.show_places(self.table, places)
        self.workspace.show_samples(places)
        selection = self.workspace.selection
        self.grid.take_selection(selection.sample, selection.pictures)
        self.chip.setVisible(chosen is not None)
        if chosen:
            self.chip.setText(f"{chosen.name} ({len(chosen.places):,})  ✕")
            self.chip.setAccessibleName(f"End the filter: {chosen.name}")

    def _file_names(self) -> tuple[str, ...]:
        """Return the files of all pictures in small letters; they are listed when they are first searched."""
        if self._files is None and self.thumbnails.pictures is not None:
            self._files = tuple(file.lower() for file in self.thumbnails.pictures.files())
        return self._files or ()

    def _show_words(self) -> None:
        table, places, selection = self.table, self.grid.samples.places, self.workspace.selection
        assert table is not None  # taken just before
        asked = number_asked(self.wishes.search.text())
        if asked >= table.count:
            self.summary.say(no_picture(asked, table.count))
        elif asked >= 0 and asked != selection.sample:
            self.summary.say(f"Press Enter to go to picture #{asked}.")
        else:
            self.summary.say(count_words(table, places, self.second, len(selection.pictures)))
        hidden = 0 <= selection.sample < table.count and self.grid.samples.row_of(selection.sample) < 0
        self.outside.say(f"Picture #{selection.sample} is selected, but the filter leaves it out.", SHOW_ALL)
        self.outside.setVisible(hidden)
        self._show_run()

    def _show_run(self) -> None:
        run, workspace = self._run(), self.workspace
        parts: list[str] = []
        if run is not None:
            parts = [
                conditions.progress(run), *conditions.words(run.result), *conditions.badges(run, workspace.edits),
            ]  # fmt: skip
        self.facts.say(" · ".join(part for part in parts if part), conditions.details(run.result) if run else "")
        self.facts.setVisible(run is not None)
        lacking = self.second is not None and self.second.table is None and bool(workspace.layers)
        self.ask_second.offer(of_second(workspace, workspace.new_request(METHOD)) if lacking else None)
        self.ask_second.setToolTip(f"{self.second.name}: {self.second.why_not}" if self.second is not None else "")
        waiting = any(r.open and r.request.method == METHOD for r in workspace.runs.values())
        self.offer.setVisible(run is None and not waiting and workspace.model is not None)
        self.offer.setToolTip(duration_words(workspace, METHOD))

    # -- one picture -------------------------------------------------------------------------------------------------

    def _show_sample(self) -> None:
        pictures, table, place = self.thumbnails.pictures, self.table, self.workspace.selection.sample
        assert pictures is not None  # asked for after looking
        assert table is not None
        if not 0 <= place < len(pictures):
            self.card.show_nothing(HINT)
            return
        image, trouble = QImage(), ""
        try:
            image = image_of(pictures.picture(place))
        except Exception as error:  # a damaged picture is no reason to stop
            trouble = f"This picture cannot be read: {error}"
        found = guesses(table, self._result(), place)
        found = self.second.guesses(found, place) if self.second is not None else found
        words = (fact_words(table, place, self.second), trouble, self._preparation(image))
        self.card.show_sample(pictures.name(place), image, found, words)
        under = answer(self.workspace, place)
        self.card.show_under(under.heading, under.words, under.guesses)

    def _preparation(self, image: QImage) -> str:
        result, structure = self._result(), self.workspace.structure
        prepared = next(
            (r.prepared for r in (result, structure) if r and r.prepared and r.prepared.preprocessing), None
        )
        return preparation_words(prepared.preprocessing, (image.height(), image.width())) if prepared else ""

    # -- choices -----------------------------------------------------------------------------------------------------

    def _wish_changed(self) -> None:
        self.state_changed.emit()
        self.invalidate()

    def _measure(self) -> None:
        self.workspace.request_run(self.workspace.new_request(METHOD))

    def _go_deep(self, place: int) -> None:
        """Show what in a picture the answer depends on."""
        selection = self.workspace.selection
        if place != selection.sample:
            self.workspace.select_sample(place)
        self.view_wanted.emit(DEEPER)

    def _search(self, letters: str) -> None:
        """Take letters that were typed into the grid as the beginning of a search."""
        if letters.strip():
            self.wishes.search.setFocus()
            self.wishes.search.setText(letters)

    def _enter(self) -> None:
        """Go to the picture whose number is in the search, else to the first one found."""
        asked, places = number_asked(self.wishes.search.text()), self.grid.samples.places
        if asked >= 0:
            self.go_to(asked)
        elif len(places):
            self.go_to(int(places[0]))

    def go_to(self, number: int) -> None:
        """Select a picture and bring it into sight, as soon as they are read; the search says if there is none."""
        pictures = self.thumbnails.pictures
        if pictures is None:
            self._going = number
            return
        self._going = -1
        if number >= len(pictures):
            self.wishes.search.setText(f"#{number}")
            return
        self.workspace.select_sample(number)
        row = self.grid.samples.row_of(number)
        if row >= 0:
            self.grid.scrollTo(self.grid.samples.index(row))
        self.grid.setFocus()

    def named(self, words: str) -> list[tuple[int, str]]:
        """List the pictures that words name, with their files: one by its number, or the first ones by their file."""
        pictures, asked = self.thumbnails.pictures, number_asked(words)
        if pictures is None or asked >= 0:
            there = 0 <= asked < (len(pictures) if pictures is not None else asked + 1)
            return [(asked, "")] if there else []
        found = with_file(self._file_names(), words)[:MOST].tolist() if len(words) >= LETTERS else []
        return [(number, pictures.name(number)) for number in found]

    def _show_menu(self, place: QPoint) -> None:
        menu, pictures = SampleMenu(self), self.thumbnails.pictures
        menu.explain_wanted.connect(self._go_deep)
        menu.like_wanted.connect(self._show_like)
        menu.only_wanted.connect(self._show_only)
        if pictures is not None and self.table is not None:
            menu.offer(pictures, self.table, self.workspace.selection, self.workspace.model is not None)
        menu.addAction("Select all", self.grid.selectAll)
        menu.addAction(SHOW_ALL, self._show_all)
        menu.addAction("What is this?", lambda: self.help_wanted.emit(METHOD))
        menu.popup(self.grid.viewport().mapToGlobal(place))

    def _show_like(self, label: int, prediction: int) -> None:
        """Show the pictures of a class that are taken for one, -1 for any."""
        self.wishes.show_wish(replace(self.wishes.wish, label=label, prediction=prediction, words=""))
        self._wish_changed()

    def _show_only(self, places: tuple[int, ...]) -> None:
        self.workspace.filter_samples(SampleFilter("selected pictures", np.sort(np.array(places, dtype=np.int64))))

    def _show_all(self) -> None:
        wish = self.wishes.wish
        self.wishes.show_wish(replace(wish, label=-1, prediction=-1, verdict="all", low=0.0, high=1.0, words=""))
        self.workspace.filter_samples(None)
        self._wish_changed()

    # -- figure and state --------------------------------------------------------------------------------------------

    def figure_spec(self) -> FigureSpec | None:
        """Return how sure the network is of the shown pictures that it gets right and wrong, None without a run."""
        run, table = self._run(), self.table
        known = run is not None and "confidence" in run.result and "label" in run.result
        if run is None or not known or not run.folder:
            return None
        places = self.grid.samples.places
        second = run_of(self.workspace, self.second.result if self.second is not None else None)
        if table is None or len(places) == table.count:  # without the pictures there is nothing to filter
            return with_second(FigureSpec("confidence", (str(run.folder),)), second)
        if not (table.right[places] >= 0).any():
            return None
        chosen = self.workspace.sample_filter
        words = [chosen.name if chosen else "", self.wishes.words(table.measured)]
        options = (("pictures", write_picks(places.tolist())), ("choice", ", ".join(filter(None, words))))
        return with_second(FigureSpec("confidence", (str(run.folder),), options), second)

    def why_no_figure(self) -> str:
        """Say that the filter leaves nothing to draw."""
        run, table = self._run(), self.table
        if run is None or table is None or (table.right[self.grid.samples.places] >= 0).any():
            return ""
        return "None of the pictures that are shown has a label and a prediction, so there is nothing to draw."

    def state(self) -> dict[str, Any]:
        """Return what is wanted."""
        return asdict(self.wishes.kept)

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        self.wishes.show_wish(wish_of(state))
        self.invalidate()
