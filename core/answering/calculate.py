"""Arithmetic for the tool `calculate`: parsed, bounded, never `eval`.

Comes in: an expression such as `3 * 24 * 0.526`. Goes out: its value as text, or InputError in words.
"""

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from core.errors import InputError

MAX_LENGTH = 200
MAX_MAGNITUDE = 1e100
MAX_EXPONENT = 300

Number = int | float

_BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[Number], Number]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}


def _round(value: Number, places: int = 0) -> Number:
    if abs(places) > MAX_EXPONENT:
        raise OverflowError
    return round(value, places) if places else round(value)


_FUNCTIONS: dict[str, Any] = {
    "abs": abs,
    "ceil": math.ceil,
    "exp": math.exp,
    "floor": math.floor,
    "log": math.log,
    "log10": math.log10,
    "log2": math.log2,
    "max": max,
    "min": min,
    "round": _round,
    "sqrt": math.sqrt,
}
_CONSTANTS = {"pi": math.pi, "e": math.e}


def calculate(expression: str) -> str:
    """The value of an arithmetic expression. Raises InputError saying what cannot be calculated."""
    if len(expression) > MAX_LENGTH:
        raise InputError(f"An expression may have {MAX_LENGTH} characters.")
    try:
        tree = ast.parse(expression.strip().replace("^", "**"), mode="eval")
        value = _value(tree.body)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise InputError(f"{expression!r} is no arithmetic expression.", detail=str(error)) from error
    except ZeroDivisionError as error:
        raise InputError(f"{expression!r} divides by zero.") from error
    except OverflowError as error:
        raise InputError(f"{expression!r} is too large to calculate.") from error
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _bounded(value)
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_value(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _binary(op, _value(left), _value(right))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _bounded(_FUNCTIONS[name](*(_value(arg) for arg in args)))
        case _:
            raise ValueError(ast.dump(node)[:80])


def _binary(op: ast.operator, left: Number, right: Number) -> Number:
    if isinstance(op, ast.Pow) and (abs(right) > MAX_EXPONENT or (left and abs(math.log10(abs(left)) * right) > 100)):  # noqa: PLR2004
        raise OverflowError
    return _bounded(_BINARY[type(op)](left, right))


def _bounded(value: Number) -> Number:
    if isinstance(value, complex):
        raise ValueError("the result is not a real number")  # noqa: TRY004 - told to the asker as a value
    if abs(value) > MAX_MAGNITUDE:
        raise OverflowError
    return value
