"""Samples: the loaded pictures, filtered by class, verdict and confidence, and one of them closely."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSplitter, QToolButton, QVBoxLayout, QWidget

from analysis.figures import FigureSpec
from analysis.measures.picks import write_picks
from analysis.result import Result
from app.browsing.grid import SampleGrid
from app.browsing.sample_card import SampleCard, preparation_words
from app.browsing.thumbnails import Thumbnails, image_of
from app.browsing.wish_row import WishRow, wish_of
from app.drawing.readout import Line
from app.forms.offer import Offer
from app.forms.second_offer import SecondOffer
from app.reading import conditions, numbers
from app.reading.asking_second import of_second
from app.reading.comparing import counterpart
from app.reading.configurations import METHOD as CONFIGURATIONS
from app.reading.sample_comparison import SecondAnswers, second_answers
from app.reading.samples import SampleTable, fitting, guesses, sample_table
from app.reading.switched import answer
from app.theme import Theme
from app.views.base import View, duration_words
from app.workspace import Run, Workspace

METHOD = "evaluate"
CARD = 196
OFFER = "Right and wrong, confidence and loss need predictions."
NOTHING = "No picture fits. Take a filter away, or widen the range of confidence."
HINT = "Select a picture to see its pixels and what the network takes it for. Arrow keys move, shift selects several."


class SamplesView(View):
    """A grid of pictures beside one of them."""

    def __init__(self, workspace: Workspace, theme: Theme) -> None:
        super().__init__(workspace, theme, "Samples")
        self.thumbnails = Thumbnails(self)
        self.table: SampleTable | None = None
        self.second: SecondAnswers | None = None
        self._opened: tuple[object, ...] = ()
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
        self.grid.customContextMenuRequested.connect(self._show_menu)
        middle = QSplitter(Qt.Orientation.Horizontal)
        middle.addWidget(self.grid)
        middle.addWidget(self.card)
        middle.setStretchFactor(0, 1)
        middle.setSizes([556, CARD])
        middle.setHandleWidth(3)
        middle.setChildrenCollapsible(False)
        self.card.setMinimumWidth(180)
        counts, footer = QHBoxLayout(), QHBoxLayout()
        counts.setContentsMargins(8, 0, 8, 4)
        counts.addWidget(self.summary, 1)
        counts.addWidget(self.chip)
        counts.addWidget(self.wishes.ordering)
        footer.setContentsMargins(8, 0, 8, 4)
        footer.addWidget(self.facts, 1)
        self.ask_second = SecondOffer(self.workspace, "Measure its accuracy")
        footer.addWidget(self.ask_second, alignment=Qt.AlignmentFlag.AlignLeft)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for part in (self.wishes, counts, middle, footer, self.offer):
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
            self._opened = ()
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
        images, layers = self.workspace.images, self.workspace.layers
        assert images is not None  # asked for after looking
        shape = layers[0].shape if layers and layers[0].kind == "input" else ()
        wanted = (images.location, shape if images.location.startswith("noise:") else ())
        if wanted != self._opened:
            self._opened, self._read, self.table = wanted, (), None
            self.grid.show_places(None, np.empty(0, dtype=np.int64))
            self.thumbnails.open(images.location, shape)

    def _run(self) -> Run | None:
        """Return the newest run on these pictures."""
        run, images = self.workspace.latest(METHOD), self.workspace.images
        if run is None or run.request.images is None or images is None:
            return None
        return run if run.request.images.location == images.location else None

    def _result(self) -> Result | None:
        run = self._run()
        return run.result if run else None

    def _take_table(self) -> None:
        pictures, result = self.thumbnails.pictures, self._result()
        assert pictures is not None  # asked for after looking
        arrived = result.arrived.get("prediction", 0) if result else 0
        if (id(pictures), id(result), arrived) != self._read:
            self._read = (id(pictures), id(result), arrived)
            self.table = sample_table(pictures, result)
            self.wishes.set_classes(self.table.names)
            self.wishes.set_measured(self.table.measured)
        self._take_second()

    def _take_second(self) -> None:
        """Read what the network that is compared with says of the same pictures."""
        pictures, shown, second = self.thumbnails.pictures, self._run(), counterpart(self.workspace, METHOD)
        assert pictures is not None  # asked for after looking
        arrived = second.result.arrived.get("prediction", 0) if second else 0
        read = (self._read, self.workspace.compared, id(second), arrived)
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
        places = fitting(self.table, wish, chosen.places if chosen else None, of_two)
        self.grid.show_places(self.table, places)
        selection = self.workspace.selection
        self.grid.take_selection(selection.sample, selection.pictures)
        self.chip.setVisible(chosen is not None)
        if chosen:
            self.chip.setText(f"{chosen.name} ({len(chosen.places):,})  ✕")
            self.chip.setAccessibleName(f"End the filter: {chosen.name}")

    def _show_words(self) -> None:
        table, places = self.table, self.grid.samples.places
        assert table is not None  # taken just before
        shown, known = len(places), table.right[places] >= 0
        words = [f"{shown:,} pictures" if shown == table.count else f"{shown:,} of {table.count:,} pictures"]
        if known.any():
            right = int((table.right[places] == 1).sum())
            words.append(f"{right:,} right, {int(known.sum()) - right:,} wrong")
        both = self.second.counts(table, places) if self.second is not None else ""
        words += [both] if both else []
        outside = int((table.predictions[places] < 0).sum()) if table.measured else 0
        if outside:
            words.append(f"{outside:,} not in this run")
        several = len(self.workspace.selection.pictures)
        if several > 1:
            words.append(f"{several:,} selected")
        self.summary.say(NOTHING if not shown else " · ".join(words))
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
        self.card.show_sample(pictures.name(place), image, found, (self._facts(place), trouble, self._preparation()))
        under = answer(self.workspace, place)
        self.card.show_under(under.heading, under.words, under.guesses)

    def _facts(self, place: int) -> str:
        table = self.table
        assert table is not None  # asked for after it was taken
        lines = [f"Label: {table.label_name(place)}" if table.labels[place] >= 0 else "No label"]
        if table.predictions[place] >= 0:
            verdict = {1: "right", 0: "wrong"}.get(int(table.right[place]), "")
            lines.append(f"Prediction: {table.prediction_name(place)}{f', {verdict}' if verdict else ''}")
            if np.isfinite(table.loss[place]):
                lines.append(f"Loss: {numbers.with_unit(float(table.loss[place]), 'nats')}")
        elif table.measured:
            lines.append("Not in this run: it used some of the pictures only")
        if self.second is not None:
            lines.append(self.second.words(table, place))
        return "\n".join(lines)

    def _preparation(self) -> str:
        result, structure = self._result(), self.workspace.structure
        prepared = next(
            (r.prepared for r in (result, structure) if r and r.prepared and r.prepared.preprocessing), None
        )
        return preparation_words(prepared.preprocessing) if prepared else ""

    # -- choices -----------------------------------------------------------------------------------------------------

    def _wish_changed(self) -> None:
        self.state_changed.emit()
        self.invalidate()

    def _measure(self) -> None:
        self.workspace.request_run(self.workspace.new_request(METHOD))

    def _show_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Select all", self.grid.selectAll)
        menu.addAction("Show all pictures", self._show_all)
        menu.addAction("What is this?", lambda: self.help_wanted.emit(METHOD))
        menu.popup(self.grid.viewport().mapToGlobal(place))

    def _show_all(self) -> None:
        wish = self.wishes.wish
        self.wishes.show_wish(replace(wish, label=-1, verdict="all", low=0.0, high=1.0, words=""))
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
        if table is None or len(places) == table.count:  # without the pictures there is nothing to filter
            return FigureSpec("confidence", (str(run.folder),))
        if not (table.right[places] >= 0).any():
            return None
        chosen = self.workspace.sample_filter
        words = [chosen.name if chosen else "", self.wishes.words(table.measured)]
        options = (("pictures", write_picks(places.tolist())), ("choice", ", ".join(filter(None, words))))
        return FigureSpec("confidence", (str(run.folder),), options)

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
