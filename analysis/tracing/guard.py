"""A watch below the torch functions: what scripted code and extensions compute shows only here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from analysis.tracing.calls import tensors_in

Hidden = Callable[[list[Tensor], list[Tensor], list[int]], None]


class Guard(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch gives its modes no types
    """Reports every kernel that runs outside a recorded torch function.

    Parameters
    ----------
    inside
        Tells whether a recorded function is running, or the recorder itself.
    hidden
        Called with the tensors among the arguments, those in the result, and the versions of the arguments before.
    """

    def __init__(self, inside: Callable[[], bool], hidden: Hidden) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self._inside, self._hidden = inside, hidden

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a kernel; report it if no torch function announced it."""
        kwargs = kwargs or {}
        given = tensors_in((args, kwargs))
        versions = [tensor._version for tensor in given]
        result = func(*args, **kwargs)
        if not self._inside():
            self._hidden(given, tensors_in(result), versions)
        return result
