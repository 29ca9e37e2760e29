"""Carry out a request: the one place that knows about loading, stopping and failing."""

from __future__ import annotations

import hashlib
import os
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch

from analysis.catalogue import MethodInfo, nearest
from analysis.derive import derive
from analysis.events import Declared, Event, Finished, Outcome, Prepared, Progress, Samples, Started
from analysis.images import Images, open_images
from analysis.job import LEFT_OUT, Job, Method
from analysis.loading.devices import devices
from analysis.measures.picks import read_picks
from analysis.measuring import evaluating, measuring
from analysis.methods import METHODS
from analysis.model_cache import ModelCache
from analysis.models import ASSUMED, Model, at_size
from analysis.problems import AnalysisError, Cancelled, Problem, RunWarning
from analysis.request import Request
from analysis.result import Result
from analysis.series import series_of
from analysis.store import load
from analysis.version import VERSION

__all__ = [
    "ModelCache",
    "carry_out",
    "derive",
    "describe",
    "devices",
    "find_method",
    "methods",
    "run",
    "torch_version",
    "warm_up",
]

BADGES = {
    "random weights": "The weights are random: the numbers say nothing about a trained network.",
    "preprocessing assumed": "Nothing is known about the preprocessing: pixels are divided by 255 and no more.",
    ASSUMED: "Nothing is known about the input size: one was tried that the network runs on.",
    "weights not finite": "Some weights are infinite or not a number.",
    "exported program": "This is an exported program: only its structure and its outputs can be measured.",
    "edited": "The network was edited: its weights are no longer those of the original file.",
}
"""What the short facts about a network mean for its numbers."""

FOR_EXPORTED = ("structure", "evaluate")
"""Methods that need no more of a network than its outputs and its description."""

LESS = "Use a smaller batch, fewer layers or another device."
"""What helps where memory runs out, in words that suit a window and a terminal."""

Loader = Callable[[MethodInfo], tuple[Model | None, Images | None]]


def run(
    request: Request, cancelled: Callable[[], bool] = lambda: False, cache: ModelCache | None = None
) -> Iterator[Event]:
    """Yield Started first and exactly one Finished last, whatever happens between.

    Parameters
    ----------
    request
        What to compute.
    cancelled
        Looked at between two steps and before every layer of a forward pass.
    cache
        Keeps the last loaded network from one run to the next.

    Examples
    --------
    >>> from analysis.request import ModelSource
    >>> events = list(run(Request("structure", ModelSource("demo:fashion_resnet"))))
    >>> events[-1].outcome
    <Outcome.COMPLETED: 'completed'>
    """
    keep = cache or ModelCache(derive)
    return carry_out(request, lambda info: _load(request, info, keep), cancelled)


def carry_out(request: Request, loader: Loader, cancelled: Callable[[], bool]) -> Generator[Event, str | None, None]:
    """Like :func:`run`, for a network and pictures that `loader` brings.

    Whoever writes the events into a folder may send its path in return for Prepared: methods that train use it.
    """
    yield Started(replace(request, resume=""))  # what is measured; how it was begun is no part of it
    warnings: tuple[RunWarning, ...] = ()
    problem: Problem | None = None
    outcome = Outcome.COMPLETED
    try:
        method = find_method(request.method)
        yield Progress(0, 0, "Loading")
        threads = threads_for(request)
        with measuring(cancelled, threads):
            job = _job(request, method.INFO, loader)
        prepared = _prepared(job, method.INFO, threads)
        job.earlier = _earlier(request, method.INFO, prepared)
        folder = yield prepared
        job.folder = Path(folder) if folder else None
        try:
            yield from _steps(method, job, cancelled, threads)
        finally:
            _warn_of_skipped(job)
            warnings = tuple(job.warnings)
    except Cancelled:
        outcome = Outcome.CANCELLED
    except GeneratorExit:
        raise
    except BaseException as error:
        if not isinstance(error, Exception):
            raise
        outcome, problem = Outcome.FAILED, describe(error)
    yield Finished(outcome, problem, warnings)


def _steps(method: Method, job: Job, cancelled: Callable[[], bool], threads: int) -> Iterator[Event]:
    """Take the method's steps one by one; torch's global settings are in place only while it computes."""
    with ExitStack() as stack:
        if job.loaded:
            stack.enter_context(evaluating(job.loaded.net))
        steps = method.run(job)
        # Closing the generator runs its `with` blocks: hooks come off before Finished is said.
        stack.callback(getattr(steps, "close", lambda: None))
        while True:
            if cancelled():
                raise Cancelled
            with measuring(cancelled, threads):
                step = next(steps, None)
            if step is None:
                return
            if isinstance(step, Declared):
                _warn_of_badges(job)
            yield step


def _earlier(request: Request, info: MethodInfo, prepared: Prepared) -> Result | None:
    """Open the unfinished run that a request goes on with.

    Raises
    ------
    AnalysisError
        If that run measured something else.
    """
    if not request.resume:
        return None
    found = load(Path(request.resume))
    before = found.prepared
    if before is None or before.fingerprint != prepared.fingerprint:
        what = _differs(found, request, info, prepared)
        text = f"The run {Path(request.resume).name} measured something else, so it cannot be continued: {what}."
        raise AnalysisError(text, "Use the same network, pictures and parameters, or measure anew.", "resume")
    return found


def _differs(found: Result, request: Request, info: MethodInfo, prepared: Prepared) -> str:
    """Say what a run that is to be continued has measured otherwise."""
    asked, before = found.request, found.prepared
    if asked is None or before is None or asked.method != request.method:
        return f"it is a run of {asked.method}" if asked else "it had not begun"
    try:
        there, here = (info.values(dict(one.params)) for one in (asked, request))
    except AnalysisError as error:  # of a version with other parameters
        return str(error).rstrip(".")
    for name, value in here.items():
        if there[name] != value and next(param for param in info.params if param.name == name).shapes_result:
            return f"{name} is {there[name] or 'empty'} there and {value or 'empty'} here"
    pairs = (
        ("the weights are others", before.weights_sha256, prepared.weights_sha256),
        ("the pictures or their labels are others", before.samples.sha256, prepared.samples.sha256),
        ("pictures are prepared otherwise", before.preprocessing, prepared.preprocessing),
        ("the network is edited otherwise", asked.edits, request.edits),
        ("other layers are chosen", asked.layers, request.layers),
        ("the seed is another", asked.seed, request.seed),
        ("the number of pictures is another", asked.limit, request.limit),
        ("it computed in another precision", asked.compute.dtype, request.compute.dtype),
        ("it computed on another kind of device", *(one.compute.device.split(":")[0] for one in (asked, request))),
        ("torch is of another version", dict(before.versions).get("torch"), dict(prepared.versions).get("torch")),
    )
    return next(
        (words for words, old, new in pairs if old != new), "a file it reads, or the method, is of another version"
    )


def _warn_of_skipped(job: Job) -> None:
    skipped = tuple(dict.fromkeys(job.pictures.skipped)) if job.pictures else ()
    if skipped:
        count = f"{len(skipped)} picture" + ("s" if len(skipped) > 1 else "")
        job.warn(
            "unreadable_pictures",
            f"{count} could not be read and {'was' if len(skipped) == 1 else 'were'} left out.",
            skipped,
        )


def _left_out_words(job: Job, unfit: AnalysisError) -> str:
    """Say that labels were left out, and what would let them in."""
    if job.loaded is not None and job.loaded.recording.output_shape[:1] == (1,):
        return "The labels were left out: a network with one output has no classes."
    why = str(unfit).rstrip(".")
    return f"The labels were left out: {why[0].lower()}{why[1:]}; a file of class names says which is which."


def _warn_of_badges(job: Job) -> None:
    unfit = job.pictures.unfit if job.pictures else None
    if unfit is not None:
        job.warn(LEFT_OUT.replace(" ", "_"), _left_out_words(job, unfit), unfit.items)
    for badge in (badge for badge in job.badges if badge != LEFT_OUT):
        job.warn(badge.replace(" ", "_"), BADGES.get(badge, f"{badge[0].upper()}{badge[1:]}."))


def methods() -> tuple[MethodInfo, ...]:
    """Return what can be computed."""
    return tuple(method.INFO for method in METHODS)


def torch_version() -> str:
    """Return the version of PyTorch."""
    return str(torch.__version__)


def warm_up(threads: int) -> None:
    """Do once what would make the first run of a process slow; use `threads` CPU threads from now on, 0 for all."""
    if threads:
        torch.set_num_threads(threads)
    # The first operation without data imports a large part of torch.
    torch.zeros(1, device="meta").add(1)


def find_method(name: str) -> Method:
    """Return a method by name.

    Raises
    ------
    AnalysisError
        If there is none; the message names the nearest.
    """
    methods = {method.INFO.name: method for method in METHODS}
    if name not in methods:
        raise AnalysisError(f"There is no method '{name}'.", nearest(name, tuple(methods)))
    return methods[name]


def _job(request: Request, info: MethodInfo, loader: Loader) -> Job:
    params = info.values(dict(request.params))
    model, images = loader(info)
    series = series_of(request) if "checkpoints" in info.needs else None
    job = Job(request, params, model, images, series=series)
    if "model" in info.needs and request.layers:
        job.choose(())  # an unknown layer is told before any picture is read
    return job


def _load(request: Request, info: MethodInfo, cache: ModelCache) -> tuple[Model | None, Images | None]:
    model, images = None, None
    if "model" in info.needs:
        if request.model is None:
            raise AnalysisError(f"{info.title} needs a network.", "Name one with --model, e.g. demo:fashion_resnet.")
        series = series_of(request) if "checkpoints" in info.needs else None
        source = series.last if series else request.model
        model = derive(cache.get(source, request.compute, request.seed, trained=info.trained), request.edits)
        if model.exported and info.name not in FOR_EXPORTED:
            raise AnalysisError(
                f"{info.title} cannot look inside an exported program.",
                "Load the network it was made from: PATH.py:FACTORY, or a named architecture with its weights.",
            )
    if "images" in info.needs or ("images" in info.takes and request.images is not None):
        if request.images is None:
            raise AnalysisError(f"{info.title} needs pictures.", "Name some with --images, e.g. demo:test.")
        assert model is not None  # no method needs pictures without a network
        limit = request.limit or info.limit
        images = open_images(
            request.images,
            model.preprocessing,
            model.input_shape,
            model.classes,
            limit=max(limit, 0),
            seed=request.seed,
            device=model.device,
            dtype=model.dtype,
            batch=request.compute.batch,
            channels_last=request.compute.channels_last,
            synsets=model.synsets,
            outputs=model.recording.output_shape[0] if model.recording.output_shape else 0,
            picks=read_picks(str(info.values(dict(request.params)).get("samples", ""))),
            labelled="labels" in info.needs,
        )
        if "labels" in info.needs and images.labels is None:
            raise AnalysisError(
                f"{info.title} needs labels, and {request.images.location} has none.",
                "Use a folder with one folder per class, or a file with labels.",
            )
        model = at_size(model, images.size) if ASSUMED in model.badges else model
    return model, images


def threads_for(request: Request) -> int:
    """CPU threads of a run: as asked for, or one fewer than there are cores."""
    return request.compute.threads or max(1, (os.cpu_count() or 2) - 1)


def _prepared(job: Job, info: MethodInfo, threads: int) -> Prepared:
    model, images = job.loaded, job.pictures
    samples = images.samples if images else Samples()
    ingredients = {
        "weights": model.weights_sha256 if model else "",
        "factory": model.source_sha256 if model else "",
        "samples": samples.sha256,
        "preprocessing": str(images.preprocessing if images else ""),
        "torch": ".".join(torch.__version__.split(".")[:2]),
    } | ({"checkpoints": job.series.sha256()} if job.series else {})
    if model and model.sized:
        ingredients["input"] = str(model.input_shape)
    files = _files(job, info)
    if files:
        ingredients["files"] = str(sorted(files.items()))
    return Prepared(
        fingerprint=job.request.fingerprint(info, ingredients),
        model=model.name if model else "",
        weights_sha256=ingredients["weights"],
        preprocessing=images.preprocessing if images else (model.preprocessing if model else None),
        badges=job.badges,
        samples=samples,
        threads=threads,
        device=str(model.device) if model else "cpu",  # what needs no network is computed there
        versions=(("layerscope", VERSION), ("torch", torch_version()), ("numpy", version("numpy"))),
        indices=images.indices if images else None,
    )


def _files(job: Job, info: MethodInfo) -> dict[str, str]:
    """Hash the files that parameters name; what cannot be read is told by the method, which reads it."""
    found = {}
    for param in info.params:
        path = Path(param.file_of(job.params[param.name]))
        if path.name and path.is_file():
            with path.open("rb") as file:
                found[param.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def describe(error: Exception) -> Problem:
    """Turn an exception into a problem; only unexpected ones carry a traceback."""
    if isinstance(error, AnalysisError):
        return Problem(str(error), error.hint, "\n".join(error.items), error.code)
    if isinstance(error, torch.OutOfMemoryError):
        torch.cuda.empty_cache()
        return Problem("The GPU is out of memory.", LESS)
    if isinstance(error, MemoryError) or "not enough memory" in str(error) or "can't allocate memory" in str(error):
        return Problem("The computer is out of memory.", LESS)
    details = "".join(traceback.format_exception(error))
    words = str(error).splitlines()[0] if str(error) else ""
    return Problem(
        f"{type(error).__name__}: {words}".rstrip(": "), "Details hold the traceback.", details, "unexpected"
    )
