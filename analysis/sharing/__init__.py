"""Networks whose layers read their weights from a small shared ring (Wang et al., WACV 2023)."""

from __future__ import annotations

from analysis.sharing.choice import Sharing, plan
from analysis.sharing.nets import RingBank, banks_of, freedom_of, materialise, share, stored_rings
from analysis.sharing.step import share_weights

__all__ = [
    "RingBank",
    "Sharing",
    "banks_of",
    "freedom_of",
    "materialise",
    "plan",
    "share",
    "share_weights",
    "stored_rings",
]
