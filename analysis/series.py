"""Several checkpoints of one network, opened one after the other."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from analysis import models
from analysis.derive import derive
from analysis.edits import Edits
from analysis.loading import checkpoints as files
from analysis.loading.sources import WORDS
from analysis.models import Model
from analysis.problems import AnalysisError
from analysis.request import NO_EDITS, Compute, ModelSource, Request


@dataclass(frozen=True, slots=True)
class Series:
    """Checkpoints in natural order of their names.

    Attributes
    ----------
    paths
        Their files.
    source, compute, seed, edits
        How they are opened; the same for all.
    """

    paths: tuple[str, ...]
    source: ModelSource
    compute: Compute
    seed: int = 0
    edits: Edits = NO_EDITS

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files without their ending; with their folders where these alone tell them apart."""
        stems = tuple(Path(path).stem for path in self.paths)
        return stems if len(set(stems)) == len(stems) else self.paths

    @property
    def last(self) -> ModelSource:
        """The source with the last checkpoint as its only weights."""
        return replace(self.source, weights=self.paths[-1:])

    def sha256(self) -> str:
        """Hash the contents of all files: 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for path in self.paths:
            try:
                with open(path, "rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise AnalysisError(f"{Path(path).name} cannot be read: {error.strerror}.", "Check the file.") from None
        return digest.hexdigest()

    def open(self, like: Model) -> Iterator[Model]:
        """Open one checkpoint after the other, with the edits applied.

        Parameters
        ----------
        like
            The last of them, edits applied.

        Raises
        ------
        AnalysisError
            If one cannot be read, or is of another network.
        """
        for path in self.paths[:-1]:
            yield self._one(path, like)
        yield like

    def facts(self, like: Model) -> tuple[dict[str, str], ...]:
        """Tell what each checkpoint states about its training; nothing for one that cannot be read.

        Parameters
        ----------
        like
            The last of them.
        """
        return (*(self._stated(path) for path in self.paths[:-1]), dict(like.facts))

    def _stated(self, path: str) -> dict[str, str]:
        try:
            return dict(files.read(path, self.source.trust).facts)
        except AnalysisError:
            return {}  # opening it will say so

    def _one(self, path: str, like: Model) -> Model:
        checkpoint = files.read(path, self.source.trust)
        if checkpoint.module is None and checkpoint.saved is None and self.edits.empty:
            # Filling a copy takes a small part of the time that recording the network once more would.
            net = copy.deepcopy(like.net)
            try:
                files.fit(net, checkpoint.tensors, checkpoint.name)
                facts = (("weights", checkpoint.name), *checkpoint.facts)
                digest = files.content_sha256(checkpoint.tensors)
                return replace(like, net=net, weights_sha256=digest, facts=facts)
            except AnalysisError:
                pass  # names may have to be translated first: the long way knows how, or says what is wrong
        model = models.load(replace(self.source, weights=(path,)), self.compute, seed=self.seed, derive=derive)
        if model.name != like.name:
            text = f"{Path(path).name} is of another network: {model.name}, not {like.name}."
            raise AnalysisError(text, "Leave it out; all checkpoints of a run are of one network.", "mismatch")
        return derive(model, self.edits)


def series_of(request: Request) -> Series | None:
    """Return the checkpoints a request names, None if it names at most one.

    Raises
    ------
    AnalysisError
        If a file or pattern names nothing.
    """
    source = request.model
    if source is None:
        return None
    brings = source.name.startswith("demo:") and source.weights in ((), ("pretrained",))
    if not brings and (not source.weights or source.weights[0] in WORDS):
        return None
    paths = models.checkpoints(source)
    if len(paths) < 2:
        return None
    return Series(paths, source, request.compute, request.seed, request.edits)
