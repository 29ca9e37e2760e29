"""The views of the window, in the order of their tabs. The file of a view is imported when it is first shown."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.theme import Theme
from app.views.base import View, ViewInfo
from app.workspace import Workspace

__all__ = ["VIEWS", "View", "ViewInfo"]


def _overview(workspace: Workspace, theme: Theme) -> QWidget:
    from app.views.overview import Overview

    return Overview(workspace, theme)


def _rank(workspace: Workspace, theme: Theme) -> QWidget:
    from app.views.rank import RankView

    return RankView(workspace, theme)


def _bundles(workspace: Workspace, theme: Theme) -> QWidget:
    from app.views.bundles import BundlesView

    return BundlesView(workspace, theme)


def _evaluate(workspace: Workspace, theme: Theme) -> QWidget:
    from app.views.evaluate import EvaluateView

    return EvaluateView(workspace, theme)


def _rank_lab(workspace: Workspace, theme: Theme) -> QWidget:
    from app.views.rank_lab import RankLabView

    return RankLabView(workspace, theme)


def _widths(workspace: Workspace, theme: Theme) -> QWidget:
    from app.views.widths import WidthsView

    return WidthsView(workspace, theme)


def _sharing(workspace: Workspace, theme: Theme) -> QWidget:
    from app.views.sharing import SharingView

    return SharingView(workspace, theme)


def _samples(workspace: Workspace, theme: Theme) -> QWidget:
    from app.views.samples import SamplesView

    return SamplesView(workspace, theme)


def _attribution(workspace: Workspace, theme: Theme) -> QWidget:
    from app.views.attribution import AttributionView

    return AttributionView(workspace, theme)


def _configurations(workspace: Workspace, theme: Theme) -> QWidget:
    from app.views.configurations import ConfigurationsView

    return ConfigurationsView(workspace, theme)


VIEWS: tuple[ViewInfo, ...] = (
    ViewInfo("overview", "Overview", _overview),
    ViewInfo("rank", "Rank", _rank),
    ViewInfo("bundles", "Bundles", _bundles),
    ViewInfo("widths", "Widths", _widths),
    ViewInfo("sharing", "Sharing", _sharing),
    ViewInfo("configurations", "Configurations", _configurations),
    ViewInfo("evaluate", "Accuracy", _evaluate),
    ViewInfo("samples", "Samples", _samples),
    ViewInfo("attribution", "Attribution", _attribution),
    ViewInfo("rank_lab", "Rank lab", _rank_lab),
)
