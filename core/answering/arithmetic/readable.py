"""The text of what was calculated: a readable unit, money with cents, durations in words of the clock.

Comes in: a number, a percentage or a quantity. Goes out: a short text such as `16 GB`, `$378.72` or
`2500 s (41 min 40 s)`. Called by `calculate`. Pure.
"""

import math
from decimal import ROUND_HALF_UP, Decimal

from core.answering.arithmetic.units import (
    BINARY_BYTES,
    BITS,
    BYTES,
    DURATIONS,
    Number,
    Percent,
    Quantity,
    Value,
    converted,
    powers,
)

_CURRENCIES = {"USD": "$", "EUR": "€"}
_PLURALS = {"week", "month", "year", "request", "token"}

_GROUPED = 10_000
"""From here on digits are grouped: 4,320,000 requests."""

_EXACT = 10**15
"""From here on a float is no longer exact to the cent or the unit."""

_TINY = 1e-9
_PER_MILLION = 1e-3
"""Below these, prices are told with an exponent, and those of tokens and requests by the million."""

_MILLISECOND, _HOUR, _LONGEST = 1e-3, 3600, 10**6 * 86400
"""Seconds. Above the longest nobody counts hours."""


def readable(value: Value, *, as_asked: bool = False) -> str:
    """A value as text. `as_asked`: its unit was asked for and stays."""
    match value:
        case int():
            return str(value)
        case float():
            return str(int(value)) if abs(value) < _EXACT and value.is_integer() else f"{value:.12g}"
        case Percent(points=points):
            return f"{points:.12g}%"
        case _ if as_asked:
            return _measure(value)
        case _:
            return _duration(value) if _is_duration(value) else _measure(_scaled(value))


def _scaled(value: Quantity) -> Quantity:
    """A size, or a size by something, in the largest unit of its family of which there is one."""
    units = powers(value)
    for ladder in (BYTES, BINARY_BYTES, BITS):
        for symbol in ladder:
            if units.get(symbol) == 1:
                smallest = abs(value.magnitude) * ladder[symbol]
                reached = [step for step, factor in ladder.items() if smallest >= factor * (1 - 1e-12)]
                readable_unit = (reached or [next(iter(ladder))])[-1] if smallest else symbol
                return converted(value, {readable_unit if s == symbol else s: power for s, power in units.items()})
    return value


def _measure(value: Quantity) -> str:
    amount, units = value.magnitude or 0, powers(value)
    below = [_power(symbol, -power) for symbol, power in units.items() if power < 0]
    currency = next((symbol for symbol in _CURRENCIES if units.get(symbol) == 1), "")
    if currency:
        del units[currency]
        if below in (["token"], ["request"]) and abs(amount) < _PER_MILLION:
            amount, below = amount * 10**6, [f"1M {below[0]}s"]
        text = f"{'-' * (amount < 0)}{_CURRENCIES[currency]}{_money(abs(amount), total=not units)}"
    else:
        text = _figure(amount)
    above = [_power(s + "s" * (s in _PLURALS and amount != 1), power) for s, power in units.items() if power > 0]
    text += ("·" if currency else " ") * bool(above) + "·".join(above)
    return text + (f"/({'·'.join(below)})" if below[1:] else "".join(f"/{symbol}" for symbol in below))


def _power(symbol: str, power: int) -> str:
    return symbol + ("" if power == 1 else str(power).translate(str.maketrans("234", "²³⁴")))


def _figure(amount: Number) -> str:
    grouped = "," if abs(amount) >= _GROUPED else ""
    return f"{int(amount):{grouped}}" if abs(amount) < _EXACT and amount == int(amount) else f"{amount:{grouped}.12g}"


def _money(amount: Number, *, total: bool) -> str:
    """Cents; a rate and what is less than 1 keep four digits, because prices of requests and tokens are small."""
    if amount >= _EXACT or 0 < amount < _TINY:
        return f"{amount:.4g}"
    places = 2 if not amount or (total and amount >= 1) else max(4, 3 - math.floor(math.log10(amount)))
    exact = Decimal(f"{amount:.15g}").quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    whole, _, cents = f"{exact:,f}".partition(".")
    return f"{whole}.{cents.rstrip('0'):0<2}"


def _is_duration(value: Quantity) -> bool:
    return len(units := powers(value)) == 1 and any(units.get(symbol) == 1 for symbol in DURATIONS)


def _duration(value: Quantity) -> str:
    """`2500 s (41 min 40 s)`; what reads well as it is stands alone."""
    text, (unit,) = _measure(value), powers(value)
    parts = _clock(abs(converted(value, {"s": 1}).magnitude))
    if not parts or [symbol for _, symbol in parts] == [unit]:
        return text
    return f"{text} ({'-' * (value.magnitude < 0)}{' '.join(f'{_figure(count)} {symbol}' for count, symbol in parts)})"


def _clock(seconds: Number) -> list[tuple[Number, str]]:
    """41 min, 40 s for 2500: to the second from an hour on, to the millisecond below."""
    if not _TINY < seconds < _LONGEST:
        return []
    if seconds < 1:
        symbol = "ms" if seconds >= _MILLISECOND else "us"
        return [(seconds * DURATIONS["s"] / DURATIONS[symbol], symbol)]
    rest: Number = round(seconds, 0 if seconds >= _HOUR else 3)
    parts: list[tuple[Number, str]] = []
    for symbol in ("d", "h", "min"):
        count, rest = divmod(rest, DURATIONS[symbol] // DURATIONS["s"])
        parts.append((count, symbol))
    return [(count, symbol) for count, symbol in [*parts, (round(rest, 3), "s")] if count]
