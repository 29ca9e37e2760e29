from __future__ import annotations

import math

from hypothesis import assume, given
from hypothesis import strategies as st

from app.drawing.axes import log_ticks, nice_step, nice_ticks, nice_top
from app.reading import numbers


def read(text: str) -> float:
    text = text.replace("−", "-").replace(",", "")
    number, _, prefix = text.partition(numbers.SPACE)
    scale = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[prefix]
    if "10" in number and any(raised in number for raised in "⁰¹²³⁴⁵⁶⁷⁸⁹"):
        mantissa, _, power = number.rpartition("10")
        digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
        return float(mantissa.rstrip("×") + ("" if "×" in mantissa else "1")) * 10.0 ** int(power.translate(digits))
    return float(number) * scale


@given(st.floats(1e-12, 9e14), st.booleans())
def test_three_digits_are_enough_to_read_the_number_back(size: float, negative: bool) -> None:
    value = -size if negative else size
    tolerance = 0.06 if size < 1e-3 else 0.0051
    assert math.isclose(read(numbers.short(value)), value, rel_tol=tolerance)


@given(st.integers(0, 9_999))
def test_small_whole_numbers_are_exact(value: int) -> None:
    assert numbers.short(value) == f"{value:,}"


def test_rounding_does_not_leave_a_fourth_digit() -> None:
    assert numbers.short(999_950) == f"1.00{numbers.SPACE}M"
    assert numbers.short(9.999) == "10.0"
    assert numbers.short(0.09999) == "0.100"


def test_what_is_no_number_has_its_own_text() -> None:
    assert numbers.short(math.nan) == numbers.NOTHING
    assert numbers.short(math.inf) == "∞"
    assert numbers.plain(math.nan) == ""
    assert numbers.percent(math.nan) == numbers.NOTHING


def test_bytes_and_units() -> None:
    assert numbers.with_unit(512, "bytes") == f"512{numbers.SPACE}B"
    assert numbers.with_unit(65_536, "bytes") == f"65.5{numbers.SPACE}kB"
    assert numbers.with_unit(0.25, "ms") == f"0.250{numbers.SPACE}ms"


def test_an_interval_has_the_digits_of_its_number() -> None:
    assert numbers.interval(21.43, 20.81, 22.049) == "21.4 [20.8, 22.0]"
    assert numbers.interval(0.5, -0.5, 1.5) == "0.500 [−0.500, 1.500]"
    assert numbers.interval(3.0, math.nan, 4.0) == "3"


def test_exact_numbers_can_be_read_by_programs() -> None:
    assert numbers.plain(41_219_072.0) == "41219072"
    assert float(numbers.plain(0.1 + 0.2)) == 0.1 + 0.2
    assert numbers.exact(1234567, "MACs") == "1,234,567 MACs"


@given(st.floats(1e-6, 1e9), st.floats(0, 1e6), st.integers(1, 12))
def test_ticks_are_round_few_and_told_apart(span: float, low: float, most: int) -> None:
    assume(span / max(low, 1e-9) > 1e-6)
    high = low + span
    step, ticks = nice_step(span, most), nice_ticks(low, high, most)
    assert len(ticks) <= most + 1
    assert all(low - step * 1e-6 <= tick <= high + step * 1e-6 for tick in ticks)
    mantissa = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    assert any(math.isclose(mantissa, round_one, rel_tol=1e-9) for round_one in (1, 2, 5, 10))
    if low < 1e3 * span:
        labels = [numbers.tick(tick, step) for tick in ticks]
        assert len(set(labels)) == len(labels)


@given(st.floats(1e-9, 1e12))
def test_the_top_of_an_axis_is_just_above_the_largest_value(largest: float) -> None:
    assert largest * (1 - 1e-9) <= nice_top(largest) <= 2.01 * largest


def test_powers_of_ten() -> None:
    assert log_ticks(-4, 0) == [-4, -3, -2, -1, 0]
    assert log_ticks(-8, -1, 4) == [-8, -6, -4, -2]
    assert numbers.scientific(0.001) == "10⁻³"
    assert numbers.scientific(9.96e-5) == "10⁻⁴"
