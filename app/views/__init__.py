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


def _evaluate(workspace: Workspace, theme: Theme) -> QWidget:
    from app.views.evaluate import EvaluateView

    return EvaluateView(workspace, theme)


VIEWS: tuple[ViewInfo, ...] = (
    ViewInfo("overview", "Overview", _overview),
    ViewInfo("rank", "Rank", _rank),
    ViewInfo("evaluate", "Accuracy", _evaluate),
)
