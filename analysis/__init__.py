"""The engine of LayerScope: load a trained CNN, measure it, keep the numbers. Free of Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.version import VERSION as __version__

if TYPE_CHECKING:
    from analysis.result import Result


def measure(method: str, net: Any = None, images: Any = None, **params: Any) -> Result:
    """Measure a live network from a notebook or a script.

    A thin door to :func:`analysis.live.measure`; torch is imported only when it is called.
    """
    from analysis.live import measure as run_live

    return run_live(method, net, images, **params)


__all__ = ["__version__", "measure"]
