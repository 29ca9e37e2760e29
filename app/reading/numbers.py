"""Numbers as text: three significant digits, SI prefixes, the exact value for hovering."""

from __future__ import annotations

import math

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
NOTHING = "–"
SPACE = "\u00a0"
LEAST_SHARE = 1e-5
"""Shares below are not told apart."""
ARROW = " → "
"""Between what was and what is, between a label and what a picture is taken for."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_BYTES = ("bytes", "byte", "B")


def short(value: float, unit: str = "") -> str:
    r"""Return a number with three significant digits, large ones with an SI prefix.

    Whole numbers below ten thousand stay exact. Not a number gives a dash.

    Examples
    --------
    >>> short(41_219_072), short(9_216), short(0.7934), short(16_384, "bytes")
    ('41.2\xa0M', '9,216', '0.793', '16.4\xa0kB')
    """
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    byte = "B" if unit in _BYTES else ""
    sign, size = ("−" if value < 0 else ""), abs(value)
    if size < 1e-3 and size > 0:
        return sign + scientific(size)
    if size >= 9_999.5 or (byte and size >= 999.5):
        return sign + _prefixed(size, byte)
    text = f"{size:,.0f}" if size == round(size) else f"{size:,.{decimals(size)}f}"
    return sign + text + (SPACE + byte if byte else "")


def _prefixed(size: float, byte: str) -> str:
    for scale, prefix in PREFIXES:
        share = size / scale
        # 999.95 k rounds to 1,000 k; it reads better as 1.00 M.
        if share >= 0.9995:
            return f"{share:.{decimals(share)}f}{SPACE}{prefix}{byte}"
    return f"{size:.0f}{SPACE}{byte}".strip()


def decimals(size: float, digits: int = 3) -> int:
    """Return how many decimals show `digits` significant digits of a positive number."""
    if size <= 0:
        return 0
    place = math.floor(math.log10(size))
    if round(size, digits - 1 - place) >= 10 ** (place + 1):
        place += 1
    return max(0, digits - 1 - place)


def tick(value: float, step: float, unit: str = "") -> str:
    r"""Return the label of an axis: as many decimals as the distance of two labels needs, and no more.

    Examples
    --------
    >>> tick(0.2, 0.1), tick(3_000_000, 1_000_000), tick(1_500, 500)
    ('0.2', '3\xa0M', '1,500')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else short(value)
    byte = "B" if unit in _BYTES else ""
    largest = 1_000 if byte else 10_000
    scale, prefix = next(((s, p) for s, p in PREFIXES if abs(value) >= max(s, largest) * (1 - 1e-9)), (1.0, ""))
    places = max(0, -math.floor(math.log10(step / scale) + 1e-9)) if step > 0 else 0
    text = f"{value / scale:,.{min(places, 9)}f}".replace("-", "−")
    word = prefix + byte
    return f"{text}{SPACE}{word}" if word else text


def scientific(size: float, digits: int = 2) -> str:
    """Return a number as mantissa and power of ten.

    Examples
    --------
    >>> scientific(1.24e-5)
    '1.2×10⁻⁵'
    """
    if size == 0:
        return "0"
    power = math.floor(math.log10(abs(size)))
    mantissa = size / 10.0**power
    if round(abs(mantissa), digits - 1) >= 10:
        mantissa, power = mantissa / 10, power + 1
    raised = f"10{str(power).translate(_RAISED)}"
    text = f"{mantissa:.{digits - 1}f}"
    return raised if float(text) == 1 else f"{text}×{raised}"


def with_unit(value: float, unit: str) -> str:
    r"""Return a number followed by its unit; bytes become B, kB, MB.

    Examples
    --------
    >>> with_unit(2_359_296, "MACs")
    '2.36\xa0M\xa0MACs'
    """
    text = short(value, unit)
    if unit in _BYTES or not unit or text == NOTHING:
        return text
    return f"{text}{SPACE}{unit}"


def interval(value: float, low: float, high: float, unit: str = "") -> str:
    """Return a number with its interval, all with the same decimals.

    Examples
    --------
    >>> interval(21.43, 20.81, 22.0)
    '21.4 [20.8, 22.0]'
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return with_unit(value, unit)
    if 1e-3 <= abs(value) < 9_999.5:
        places = decimals(abs(value))
        text = f"{value:,.{places}f} [{low:,.{places}f}, {high:,.{places}f}]"
    else:
        text = f"{short(value)} [{short(low)}, {short(high)}]"
    text = text.replace("-", "−")
    return f"{text}{SPACE}{unit}" if unit else text


def multiple(exponent: float, unit: str = "τ") -> str:
    r"""Return a power of two as a multiple of a unit; small and large ones as a power.

    Examples
    --------
    >>> multiple(2), multiple(0), multiple(-2), multiple(-9)
    ('4\xa0τ', 'τ', '1/4\xa0τ', '2⁻⁹\xa0τ')
    """
    power = round(exponent)
    if power == 0:
        return unit
    if not -6 <= power <= 11:
        return f"2{str(power).translate(_RAISED)}{SPACE}{unit}"
    return f"{2**power:,}{SPACE}{unit}" if power > 0 else f"1/{2**-power}{SPACE}{unit}"


def exact(value: float, unit: str = "") -> str:
    """Return a number with all its digits, for hovering and for the clipboard of people.

    Examples
    --------
    >>> exact(41_219_072, "MACs"), exact(0.1)
    ('41,219,072 MACs', '0.1')
    """
    if math.isnan(value):
        return NOTHING
    if math.isfinite(value) and value == round(value) and abs(value) < 1e15:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.10g}"
    return f"{text} {unit}".strip()


def duration(seconds: float) -> str:
    """Return a time roughly, at least a second.

    Examples
    --------
    >>> duration(0.2), duration(12.4), duration(220), duration(3900)
    ('1 s', '12 s', '4 min', '1 h 05 min')
    """
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def percent(share: float) -> str:
    """Return a share as a percentage with one decimal; a dash for not a number."""
    return f"{100 * share:.1f}{SPACE}%" if math.isfinite(share) else NOTHING


def ends(low: float, high: float, places: int, sign: bool = False) -> str:
    """Return the ends of an interval with a number of decimals, "" where it is not known.

    Examples
    --------
    >>> ends(91.04, 93.8, 1), ends(-4.1, 0.2, 1, sign=True), ends(float("nan"), 1.0, 1)
    ('[91.0, 93.8]', '[−4.1, +0.2]', '')
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    one, other = ((signed(end, places) if sign else f"{end:,.{places}f}".replace("-", "−")) for end in (low, high))
    return f"[{one}, {other}]"


def share(value: float) -> str:
    r"""Return a share as a percentage: one decimal, and more where it would read as nothing or as everything.

    Examples
    --------
    >>> share(0.563), share(0.99996), share(0.00002), share(3e-7)
    ('56.3\xa0%', '99.996\xa0%', '0.002\xa0%', '< 0.001\xa0%')
    """
    if not math.isfinite(value) or 0.0005 <= value < 0.9995 or value == 0:
        return percent(value)
    if value < LEAST_SHARE:
        return f"< {100 * LEAST_SHARE:g}{SPACE}%"
    rest = min(value, 1 - value)
    if rest < 0.5e-8:
        return f"100{SPACE}%"
    places = math.ceil(-math.log10(100 * rest) - 1e-9)
    return f"{100 * value:.{places}f}{SPACE}%"


def signed(value: float, places: int) -> str:
    """Return a difference with its sign and a number of decimals.

    Examples
    --------
    >>> signed(1.25, 1), signed(-0.04, 1), signed(-0.5, 3), signed(float("nan"), 1)
    ('+1.2', '±0.0', '−0.500', '–')
    """
    if math.isnan(value):
        return NOTHING
    text = f"{abs(value):,.{places}f}"
    if float(text.replace(",", "")) == 0:
        return f"±{text}"
    return f"{'+' if value > 0 else '−'}{text}"


def signed_short(value: float) -> str:
    """Return a number with its sign and three digits, however small it is.

    Examples
    --------
    >>> signed_short(0.25), signed_short(-6.3e-6), signed_short(0.0), signed_short(float("nan"))
    ('+0.250', '−6.3×10⁻⁶', '0', '–')
    """
    return f"+{short(value)}" if value > 0 else short(value)


def plain(value: float) -> str:
    """Return a number for a table of another program: all digits, no spaces, empty for not a number."""
    if math.isnan(value):
        return ""
    if math.isfinite(value) and value == round(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))


def shape(sizes: tuple[int, ...]) -> str:
    """Return a shape as text: 32×16×16."""
    return "×".join(str(size) for size in sizes)
