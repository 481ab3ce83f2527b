"""Numbers for people: three significant digits, one unit for all that stand together, intervals in few characters."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor, isfinite, log10
from statistics import median_low
from typing import NamedTuple

from skerry.bench.results import Interval

DIGITS = 3
"""Significant digits: more are noise in every measurement of time."""
LOPSIDED = 2.0
"""How many times longer one side of an interval may be than the other, and it is still written ``±``."""

Amount = float | Interval | None


class Unit(NamedTuple):
    """``size`` is how much of the base unit one of it is."""

    name: str
    size: float


SECONDS = (Unit("s", 1.0), Unit("ms", 1e-3), Unit("µs", 1e-6), Unit("ns", 1e-9))
BYTES = (Unit("GB", 1e9), Unit("MB", 1e6), Unit("kB", 1e3), Unit("B", 1.0))
PLAIN = (Unit("", 1.0),)


def unit_for(amounts: Iterable[Amount], units: tuple[Unit, ...]) -> Unit:
    """The largest of ``units``, ordered from the largest, of which the lower median of the positive amounts is at least one."""
    values = [value for value in map(value_of, amounts) if value is not None and value > 0]
    middle = median_low(values) if values else units[-1].size
    # 0.9995 ms is written as 1.00 ms, not as 1,000 µs
    return next((unit for unit in units if middle >= 0.9995 * unit.size), units[-1])


def value_of(amount: Amount) -> float | None:
    """The middle of an interval; a number as it is."""
    return amount.value if isinstance(amount, Interval) else amount


def number(value: float, decimals: int | None = None) -> str:
    """``12,300``, ``123``, ``1.20``, ``0.00123``: three significant digits, or so many ``decimals``."""
    if not isfinite(value):
        return "–"
    places = _decimals(value) if decimals is None else decimals
    return f"{round(value, places):,.{max(places, 0)}f}"


def amount(amount: Amount, unit: Unit = PLAIN[0]) -> str:
    """A number in ``unit`` without its name: ``152 ±3``, ``152 (150…171)``, ``–`` where there is none."""
    if not isinstance(amount, Interval):
        return "–" if amount is None else number(amount / unit.size, 0 if unit == BYTES[-1] else None)
    value, low, high = (each / unit.size for each in (amount.value, amount.low, amount.high))
    if not all(map(isfinite, (value, low, high))) or low == high:
        return number(value)
    decimals = _decimals(value)
    below, above = value - low, high - value
    looks_even = number(low, decimals) == number(high, decimals)
    if looks_even or max(below, above) <= LOPSIDED * min(below, above):
        return f"{number(value, decimals)} ±{_rounded_up(max(below, above), decimals)}"
    return f"{number(value, decimals)} ({number(low, decimals)}…{number(high, decimals)})"


def seconds(value: Amount) -> str:
    """``152 µs ±3``, with the unit that fits."""
    return _with_unit(value, SECONDS)


def chosen(value: float, units: tuple[Unit, ...] = PLAIN) -> str:
    """A number that somebody chose, so without noise: ``20 ms``, ``10 s``, ``1.5``."""
    unit = unit_for([value], units)
    return f"{value / unit.size:,.6g} {unit.name}".strip()


def size(value: Amount) -> str:
    """``80.2 MB``, of 1,000 kB each."""
    return _with_unit(value, BYTES)


def percent(share: float) -> str:
    """``0.12 %``; what is not 0 never reads so."""
    return "< 0.01 %" if 0 < share < 1e-4 else f"{100 * share:.{0 if share in (0, 1) or share >= 0.1 else 2}f} %"


def plural(count: int, noun: str) -> str:
    """``1 row``, ``1,000 rows``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _with_unit(value: Amount, units: tuple[Unit, ...]) -> str:
    if value_of(value) is None:
        return "–"
    unit = unit_for([value], units)
    middle, *spread = amount(value, unit).split(" ", 1)
    return " ".join([middle, unit.name, *spread])


def _decimals(value: float) -> int:
    """Decimal places that leave ``DIGITS`` significant digits: negative for large numbers."""
    if value == 0 or not isfinite(value):
        return 0
    places = DIGITS - 1 - floor(log10(abs(value)))
    return DIGITS - 1 - floor(log10(round(abs(value), places)))  # 9.996 becomes 10.0, not 10.00


def _rounded_up(value: float, decimals: int) -> str:
    """So that no interval is written narrower than it is."""
    step = 10.0**-decimals
    return number(ceil(round(value / step, 6)) * step, decimals)
