"""The units that `calculate` knows: sizes, durations, money, requests and tokens. What is not listed does not exist.

Comes in: symbols of units, as `notation` spells them, and amounts. Goes out: pint's quantities with at most one unit
for each dimension. Called by `calculate` and `readable`. pint takes 0.3 s to import, so the first unit pays for it;
it is given the definitions below and never a text of the asker.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, cast

from core.errors import InputError

Number = int | float

MAX_POWERS = 4
"""Powers of units in one quantity, added up: $/(GB·s) has three."""

_DECIMAL = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
_SECOND = 10**6
_DAY = 86400 * _SECOND

BITS = {"bit": 1, "kbit": 10**3, "Mbit": 10**6, "Gbit": 10**9, "Tbit": 10**12}
BYTES = {"B": 8} | {f"{prefix}B": 8 * factor for prefix, factor in _DECIMAL.items()}
BINARY_BYTES = {"B": 8} | {f"{prefix}B": 8 * factor for prefix, factor in _BINARY.items()}
DURATIONS = {"us": 1, "ms": 1000, "s": _SECOND, "min": 60 * _SECOND, "h": 3600 * _SECOND, "d": _DAY, "week": 7 * _DAY}

_UNITS = {
    "size": BITS | BYTES | BINARY_BYTES,
    "time": DURATIONS,
    "calendar": {"month": 1, "year": 12},  # a month is 28 to 31 days, so it never turns into them
    "dollars": {"USD": 1},
    "euros": {"EUR": 1},
    "requests": {"request": 1},
    "tokens": {"token": 1},
}
"""By dimension, each unit counted in the first one: whole numbers, so nothing is lost."""

DIMENSIONS = {symbol: dimension for dimension, symbols in _UNITS.items() for symbol in symbols}


@dataclass(frozen=True)
class Percent:
    """A percentage, which adds as people mean it: 50 + 10% is 55."""

    points: Number

    @property
    def share(self) -> float:
        """0.2 for 20%."""
        return self.points / 100


class Quantity(Protocol):
    """What is used of pint's quantities, whose own types leave much unknown; operators aside."""

    @property
    def magnitude(self) -> Number:
        """3 for 3 GB."""
        ...

    def unit_items(self) -> Iterable[tuple[str, Number]]:
        """("GB", 1) for 3 GB."""
        ...

    def to(self, other: Any, /) -> "Quantity":
        """The same in another unit."""
        ...


Plain = Number | Quantity
Value = Plain | Percent


@cache
def _registry() -> Any:
    from pint import UnitRegistry  # noqa: PLC0415 - see the module's docstring

    registry = cast("Any", UnitRegistry)(None)  # pint's own file of units is not read
    for dimension, symbols in _UNITS.items():
        base, *others = symbols
        registry.define(f"{base} = [{dimension}]")
        for symbol in others:
            registry.define(f"{symbol} = {symbols[symbol]} * {base}")
    return registry


def quantity(amount: Number, units: dict[str, int]) -> Quantity:
    """So much of a unit: 0.5, {"USD": 1, "h": -1} is $0.50/h."""
    registry = _registry()
    return registry.Quantity(amount, registry.UnitsContainer(units))


def powers(value: Quantity) -> dict[str, int]:
    """The units of a quantity and their powers: {"USD": 1, "h": -1}."""
    return {symbol: int(power) for symbol, power in value.unit_items()}


def dimensions(value: Plain) -> dict[str, int]:
    """What a value measures: {"dollars": 1, "time": -1}; nothing for a number."""
    return {} if isinstance(value, int | float) else {DIMENSIONS[s]: p for s, p in powers(value).items()}


def settled(value: Quantity) -> Plain:
    """The same with one unit for each dimension, a number when all cancel out. Raises InputError for too many units."""
    kept: dict[str, tuple[str, int]] = {}
    for symbol, power in powers(value).items():
        first, before = kept.get(DIMENSIONS[symbol], (symbol, 0))
        kept[DIMENSIONS[symbol]] = first, before + power
    units = {symbol: power for symbol, power in kept.values() if power}
    if sum(map(abs, units.values())) > MAX_POWERS:
        raise InputError("That multiplies more units than a measure has.")
    same = converted(value, units)
    return same if units else same.magnitude


def converted(value: Quantity, units: dict[str, int]) -> Quantity:
    """The same in other units of its dimensions. The caller has seen to it that they fit."""
    if powers(value) == units:
        return value
    return quantity(value.to(_registry().UnitsContainer(units)).magnitude, units)


def in_one_unit(left: Quantity, right: Quantity) -> tuple[Quantity, Quantity]:
    """Both in the smaller of their units: 1 GB is 1000 MB, and 1000 is exact where the 0.001 GB of 1 MB are not."""
    finer = with_amount(converted(left, powers(right)), rounded)
    if abs(finer.magnitude) >= abs(left.magnitude):
        return finer, right
    return left, with_amount(converted(right, powers(left)), rounded)


def with_amount(value: Quantity, change: Callable[[Number], Number]) -> Quantity:
    """The quantity with its amount changed and its units kept."""
    return quantity(change(value.magnitude), powers(value))


def rounded(amount: Number) -> Number:
    """To 14 digits, two more than are shown: what counts whole things must not count the noise of binary fractions."""
    return amount if isinstance(amount, int) else float(f"{amount:.14g}")
