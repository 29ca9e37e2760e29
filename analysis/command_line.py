"""The line that repeats a run without the window."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from analysis.request import Compute, ImageSource, ModelSource, Request

PROGRAM = ("python", "-m", "analysis", "run")


def command_line(request: Request, out: str = "runs", request_file: str = "") -> str:
    """Return the command that carries out a request, quoted for a POSIX shell.

    Parameters
    ----------
    request
        What to compute.
    out
        Folder of the run folders.
    request_file
        A file that holds the request as JSON. It is named instead of flags where flags cannot say everything, see
        :func:`needs_file`.

    Examples
    --------
    >>> command_line(Request("feature_rank", ModelSource("auto", ("my net.th",)), ImageSource("demo:test"), limit=64))
    "python -m analysis run feature_rank --model auto --weights 'my net.th' --images demo:test --limit 64 --out runs"
    """
    if needs_file(request) and request_file:
        words = [*PROGRAM, request_file]
    else:
        words = [*PROGRAM, request.method, *_flags(request)]
    return shlex.join([*words, *_flag("--out", out)])


def needs_file(request: Request) -> bool:
    """Tell whether a request holds what only a file can say.

    Such are edits, colours that are kept against the network, and a lone "--", which ends the options of a command.
    """
    model, images = request.model, request.images
    texts = {request.layers, model.name if model else "", *((images.location, images.classes) if images else ())}
    keeps_colours = images is not None and images.grey is False
    return not request.edits.empty or keeps_colours or "--" in texts


def _flags(request: Request) -> Iterator[str]:
    if request.model:
        yield from _model(request.model)
    if request.images:
        yield from _images(request.images)
    yield from _flag("--layers", request.layers)
    for name, value in request.params:
        yield from _flag("--set", f"{name}={_text(value)}")
    if request.limit:
        yield from _flag("--limit", str(request.limit))
    if request.seed:
        yield from _flag("--seed", str(request.seed))
    yield from _compute(request.compute)


def _model(model: ModelSource) -> Iterator[str]:
    yield from _flag("--model", model.name)
    if model.weights:
        yield "--weights"
        # A file whose name begins with a dash would be read as an option.
        yield from (f"./{path}" if path.startswith("-") else path for path in model.weights)
    yield from _flag("--input", _list(model.input))
    if model.trust:
        yield "--trust"
    if model.download:
        yield "--download"


def _images(images: ImageSource) -> Iterator[str]:
    yield from _flag("--images", images.location)
    yield from _flag("--classes", images.classes)
    yield from _flag("--mean", _list(images.mean))
    yield from _flag("--std", _list(images.std))
    yield from _flag("--size", _list(images.size))
    yield from _flag("--interpolation", images.interpolation)
    if images.grey:
        yield "--grey"


def _compute(compute: Compute) -> Iterator[str]:
    usual = Compute()
    if compute.device != usual.device:
        yield from _flag("--device", compute.device)
    if compute.dtype != usual.dtype:
        yield from _flag("--dtype", compute.dtype)
    if compute.channels_last:
        yield "--channels-last"
    if compute.threads:
        yield from _flag("--threads", str(compute.threads))
    if compute.batch:
        yield from _flag("--batch", str(compute.batch))


def _flag(name: str, value: str) -> Iterator[str]:
    """Yield nothing for an empty value; join the two where the value could be taken for an option."""
    if value.startswith("-") and not value[1:].isdigit():
        yield f"{name}={value}"
    elif value:
        yield from (name, value)


def _list(numbers: Iterable[float]) -> str:
    return ",".join(repr(number) for number in numbers)


def _text(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
