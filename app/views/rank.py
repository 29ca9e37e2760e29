"""Feature rank in depth: profile over the layers, singular values of the selected ones, and what they depend on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QMenu, QSplitter, QStackedWidget, QToolButton
from PySide6.QtWidgets import QVBoxLayout, QWidget

from analysis.figures import FigureSpec
from analysis.result import Result
from app import conditions, norms, numbers, rank_lanes, rank_reading
from app.depth import EMPTY_AXIS, DepthAxis, depth_axis
from app.fields import SlidingNumber
from app.glossary import TERMS
from app.lanes import TONES, Lane
from app.measurements import STATE_TEXTS, VALUE, Values
from app.norm_plot import NormPlot
from app.rank_reading import BESIDE, HIGHEST, LOWEST, MEASURES, WITH_TOLERANCE, Reading
from app.readout import Entry, Legend, Line, Readout
from app.spectrum_plots import SpectrumPlot, TolerancePlot, spectra_of
from app.theme import Theme
from app.tracks import TrackStack
from app.views.base import Segments, View, duration_words
from app.workspace import Run, Workspace

METHOD = "feature_rank"
POINTS = {"all": ("conv", "linear", "activation", "block", "pooled"), "conv": ("conv", "linear"), "activation": ("activation",),
          "block": ("block", "pooled")}
POINT_WORDS = {"all": "All points", "conv": "Convolutions", "activation": "Activations", "block": "Blocks"}


class RankView(View):
    """Profile, spectra, tolerance and accuracy of the feature rank."""
