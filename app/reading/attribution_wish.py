"""What to explain and how: the choices of the form, and which of them a map depends on. No widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from analysis.catalogue import Value
from analysis.measures.attributions import NAMES, algorithm
from analysis.measures.picks import write_picks

DEFAULT = ("saliency", "integrated_gradients", "grad_cam")
INTEGRALS = ("integrated_gradients", "layer_conductance")
WITH_BASELINE = (*INTEGRALS, "deep_lift", "occlusion")


@dataclass(frozen=True, slots=True)
class Wish:
    """What to explain, and how.

    Attributes
    ----------
    algorithms
        Names, in the order of the list.
    target
        "predicted", "label", or a class.
    layer
        For Grad-CAM and conductance, "" for the engine's choice.
    baseline
        One of the engine's words.
    steps
        Of the integrals.
    window, stride
        Of occlusion, in pixels; 0 for the engine's choice.
    """

    algorithms: tuple[str, ...] = DEFAULT
    target: str = "predicted"
    layer: str = ""
    baseline: str = "zero"
    steps: int = 50
    window: int = 0
    stride: int = 0

    def params(self, *samples: int) -> dict[str, Value]:
        """Return the parameters of a run that explains some pictures; defaults are left out."""
        given: dict[str, Value] = {"algorithms": ",".join(self.algorithms), "samples": write_picks(samples)}
        plain = Wish()
        if self.target not in ("", plain.target):
            given["target"] = self.target
        if self.layer and self.layered:
            given["layer"] = self.layer
        if self.baseline != plain.baseline:
            given["baseline"] = self.baseline
        if self.steps != plain.steps:
            given["steps"] = self.steps
        if "occlusion" in self.algorithms:
            given |= {name: value for name in ("window", "stride") if (value := getattr(self, name))}
        return given

    @property
    def layered(self) -> bool:
        """True if one of the algorithms looks at a layer."""
        return any(algorithm(name).layered for name in self.algorithms)


def settings_of(name: str) -> tuple[str, ...]:
    """Name the settings that an algorithm's map depends on, apart from picture and class.

    Examples
    --------
    >>> settings_of("saliency"), settings_of("layer_conductance")
    ((), ('layer', 'baseline', 'steps'))
    """
    found = ["layer"] if algorithm(name).layered else []
    found += ["baseline"] if name in WITH_BASELINE else []
    found += ["steps"] if name in INTEGRALS else []
    return (*found, *(("window", "stride") if name == "occlusion" else ()))


PLAIN = Wish()
"""What a run does where nothing is said."""
KINDS = {"target": str, "layer": str, "baseline": str, "steps": int, "window": int, "stride": int}
"""What a workspace file keeps of a wish, apart from the algorithms."""


def kept(wish: Wish) -> dict[str, Any]:
    """Return a wish as JSON values."""
    return asdict(wish) | {"algorithms": list(wish.algorithms)}


def wish_of(state: Mapping[str, Any]) -> Wish:
    """Read what :func:`kept` returned; what is unknown is as usual."""
    names = state.get("algorithms")
    known = tuple(name for name in NAMES if name in names) if isinstance(names, list) else ()
    given = {key: state[key] for key, kind in KINDS.items() if type(state.get(key)) is kind}
    return replace(PLAIN, algorithms=known or PLAIN.algorithms, **given)
