"""The network that was loaded last, kept from one run to the next."""

from __future__ import annotations

import os
from contextlib import suppress

from analysis.loading import factories
from analysis.loading.sources import WORDS, demo_checkpoints, expand
from analysis.models import Derive, Model, load
from analysis.problems import AnalysisError
from analysis.request import Compute, ModelSource


class ModelCache:
    """Keeps the network that was loaded last, for as long as its files stay the same.

    Parameters
    ----------
    derive
        See :func:`load`.
    """

    def __init__(self, derive: Derive | None = None) -> None:
        self._derive = derive
        self._key: object = None
        self._model: Model | None = None

    def get(self, source: ModelSource, compute: Compute, seed: int = 0, *, trained: bool = True) -> Model:
        """Return the network of a source, loaded anew only if anything about it differs from the last time.

        Raises
        ------
        AnalysisError
            See :func:`load`.
        """
        key = (source, compute.device, compute.dtype, compute.channels_last, seed, trained, _stamps(source))
        if self._model is None or key != self._key:
            # The old network goes first: two large ones may not fit into memory.
            self._model = self._key = None
            self._model = load(source, compute, seed=seed, trained=trained, derive=self._derive)
            self._key = key
        return self._model


def _stamps(source: ModelSource) -> tuple[tuple[str, int, int], ...]:
    """Time and size of every file that a source names."""
    code = factories.split(source.name)
    named = [str(code[0]) if code else source.name]
    with suppress(AnalysisError):
        named += demo_checkpoints(source.name) if source.name.startswith("demo:") else ()
        named += expand(item for item in source.weights if item not in WORDS)
    stamps = []
    for path in named:
        with suppress(OSError, ValueError):
            status = os.stat(path)
            stamps.append((path, status.st_mtime_ns, status.st_size))
    return tuple(stamps)
