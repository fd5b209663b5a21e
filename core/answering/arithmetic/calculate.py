"""Arithmetic with units for the tool `calculate`: parsed, bounded, never `eval`.

Comes in: an expression such as `$0.526/h * 720 h` or `500 GB / (200 MB/s)`. Goes out: its value as text, `$378.72`
or `2500 s (41 min 40 s)`, or InputError in words. Called by the tool. No number of more than 100 digits is computed.
"""

import ast
import math
import operator
from collections.abc import Callable, Collection
from typing import Any, cast

from core.answering.arithmetic.notation import python
from core.answering.arithmetic.readable import readable
from core.answering.arithmetic.units import (
    DIMENSIONS,
    Number,
    Percent,
    Plain,
    Quantity,
    Value,
    converted,
    dimensions,
    in_one_unit,
    powers,
    quantity,
    rounded,
    settled,
    with_amount,
)
from core.errors import InputError

MAX_LENGTH = 200
MAX_MAGNITUDE = 1e100
MAX_EXPONENT = 300

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Number] = {ast.UAdd: 1, ast.USub: -1}
_SAME_UNIT: dict[type[ast.operator], str] = {
    ast.Add: "added",
    ast.Sub: "subtracted",
    ast.FloorDiv: "divided without a rest",
    ast.Mod: "divided with a rest",
}
_APART = {
    frozenset({"time", "calendar"}): " Months and years differ in length: write 30 d, 730 h or 365 d.",
    frozenset({"dollars", "euros"}): " I know no exchange rate: multiply by one, such as 1.1 USD/EUR.",
}
"""Dimensions that people take for one, and what to do."""


def _round(value: Number, places: int = 0) -> Number:
    if abs(places) > MAX_EXPONENT:
        raise OverflowError
    return round(value, places) if places else round(value)


def _ceil(value: Number) -> int:
    return math.ceil(rounded(value))


def _floor(value: Number) -> int:
    return math.floor(rounded(value))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "ceil": _ceil,
    "exp": math.exp,
    "floor": _floor,
    "log": math.log,
    "log10": math.log10,
    "log2": math.log2,
    "max": max,
    "min": min,
    "round": _round,
    "sqrt": math.sqrt,
}
_CONSTANTS = {"pi": math.pi, "e": math.e}
_NAMES = _FUNCTIONS.keys() | _CONSTANTS.keys()


def calculate(expression: str) -> str:
    """The value of an expression, with its unit. Raises InputError saying what cannot be calculated."""
    if len(expression) > MAX_LENGTH:
        raise InputError(f"An expression may have {MAX_LENGTH} characters.")
    try:
        tree = ast.parse(python(expression, _NAMES), mode="eval")
        value = _value(tree.body)
        _check_meant(value)
        return readable(value, as_asked=isinstance(tree.body, ast.Compare))
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise InputError(f"{expression!r} is no arithmetic expression.", detail=str(error)) from error
    except ZeroDivisionError as error:
        raise InputError(f"{expression!r} divides by zero.") from error
    except OverflowError as error:
        raise InputError(f"{expression!r} is too large to calculate.") from error


def _value(node: ast.expr) -> Value:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _bounded(value)
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _signed(_UNARY[type(op)], _value(operand))
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, _value(left), _value(right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _bounded(_called(name, [_plain(_value(arg)) for arg in args]))
        case _:
            return _with_unit(node)


def _with_unit(node: ast.expr) -> Value:
    """What `notation` writes for units: `GB`, `3[GB]`, `20[percent]`, `90[min] in h` and `3/4 in percent`."""
    match node:
        case ast.Name(id=name) if name in DIMENSIONS:
            return quantity(1, {name: 1})
        case ast.Subscript(value=amount, slice=ast.Name(id="percent")):
            return _percent(_value(amount), 1)
        case ast.Subscript(value=amount, slice=unit):
            return _binary(ast.Mult(), _value(amount), _value(unit))
        case ast.Compare(left=left, ops=[ast.In()], comparators=[ast.Name(id="percent")]):
            return _percent(_value(left), 100)
        case ast.Compare(left=left, ops=[ast.In()], comparators=[unit]):
            return _bounded(_told_in(_plain(_value(left)), _value(unit)))
        case _:
            raise ValueError(ast.dump(node)[:80])


def _percent(value: Value, points: int) -> Percent:
    if isinstance(value, Percent):
        raise InputError(f"{readable(value)} is a percentage already.")
    return Percent(_bounded(_number(value, "A percentage") * points))


def _signed(sign: Number, value: Value) -> Value:
    match value:
        case int() | float():
            return sign * value
        case Percent(points=points):
            return Percent(sign * points)
        case _:
            return with_amount(value, lambda amount: sign * amount)


def _plain(value: Value) -> Plain:
    return value.share if isinstance(value, Percent) else value


def _number(value: Value, what: str) -> Number:
    plain = _plain(value)
    if isinstance(plain, int | float):
        return plain
    raise InputError(f"{what} takes a number without a unit, and {readable(plain)} has one.")


def _binary(op: ast.operator, left: Value, right: Value) -> Value:
    if isinstance(op, ast.Add | ast.Sub) and isinstance(right, Percent):
        if isinstance(left, Percent):
            return Percent(_bounded(_BINARY[type(op)](left.points, right.points)))
        right = _binary(ast.Mult(), left, right)
    if isinstance(op, ast.MatMult):
        if not isinstance(left, Percent) and not (isinstance(left, int | float) and abs(left) < 1):
            raise InputError("A share is a percentage or a fraction: 20% of 80 GB, 1/3 of 90.")
        op = ast.Mult()
    return _arithmetic(op, _plain(left), _plain(right))


def _arithmetic(op: ast.operator, left: Plain, right: Plain) -> Plain:
    if isinstance(op, ast.Pow):
        base, exponent = _number(left, "A power"), _number(right, "A power")
        if abs(exponent) > MAX_EXPONENT or (base and abs(math.log10(abs(base)) * exponent) > 100):  # noqa: PLR2004
            raise OverflowError
    elif type(op) in _SAME_UNIT:
        _check_alike(_SAME_UNIT[type(op)], left, right)
        if isinstance(op, ast.FloorDiv | ast.Mod) and not isinstance(left, int | float):
            left, right = in_one_unit(left, cast("Quantity", right))
    return _bounded(_BINARY[type(op)](left, right))


def _bounded(value: Any) -> Any:
    """What was computed, in one unit for each dimension. Raises OverflowError when it is too large."""
    if isinstance(value, complex):
        raise ValueError("the result is not a real number")  # noqa: TRY004 - told to the asker as a value
    plain = value if isinstance(value, int | float) else settled(value)
    if abs(plain if isinstance(plain, int | float) else plain.magnitude) > MAX_MAGNITUDE:
        raise OverflowError
    return plain


def _called(name: str, args: list[Plain]) -> Plain:
    function = _FUNCTIONS[name]
    if all(isinstance(arg, int | float) for arg in args):
        return function(*args)
    if name in {"max", "min"}:
        _check_alike("compared", *args)
        return function(args)
    first, *rest = args
    if isinstance(first, int | float) or name not in {"abs", "ceil", "floor", "round"}:
        raise InputError(f"{name} takes numbers without units.")
    return with_amount(first, lambda amount: function(amount, *rest))


def _told_in(value: Plain, unit: Value) -> Plain:
    if isinstance(unit, int | float | Percent) or unit.magnitude != 1:
        raise InputError("A conversion ends in a unit: 90 min in h, 1 TiB to GB.")
    _check_alike("converted into each other", value, unit)
    return value if isinstance(value, int | float) else converted(value, powers(unit))


def _check_alike(done: str, first: Plain, *others: Plain) -> None:
    for other in others:
        if dimensions(first) != dimensions(other):
            reason = _reason(dimensions(first) | dimensions(other))
            raise InputError(f"{readable(first)} and {readable(other)} cannot be {done}.{reason}")


def _check_meant(value: Value) -> None:
    """Refuses hours or dollars beside months or euros that should have cancelled out; `720 h/month` is a rate."""
    measured = {} if isinstance(value, Percent) else dimensions(value)
    reason = _reason(measured)
    if reason and (len(measured) > 2 or sum(measured.values())):  # noqa: PLR2004 - the two that it is about
        raise InputError(f"{readable(value)} is no measure.{reason}")


def _reason(measured: Collection[str]) -> str:
    return next((reason for pair, reason in _APART.items() if pair <= set(measured)), "")
