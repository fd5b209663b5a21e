"""How people write calculations, turned into how Python does: `20% of $1,000/h` becomes `20[percent] @ 1000[USD/h]`.

Comes in: the asker's text. Goes out: a Python expression for `ast.parse`, in which brackets hold the unit of what
stands before them, `@` is "of" and `in` converts; or InputError, naming what is not known. Called by `calculate`. Pure.
"""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass

from core.answering.arithmetic.units import BINARY_BYTES, BITS, BYTES, DIMENSIONS, DURATIONS
from core.errors import InputError

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<grouped> [1-9][0-9]{0,2} (?:,[0-9]{3})+ (?![0-9_]) (?:\.[0-9]*)? (?:[eE][+-]?[0-9]+)? )
  | (?P<number> 0[xX][0-9a-fA-F_]+ | 0[bB][01_]+ | 0[oO][0-7_]+
              | (?: [0-9][0-9_]* \.? [0-9_]* | \.[0-9]+ ) (?:[eE][+-]?[0-9]+)? )
  | (?P<word> [A-Za-zµ][A-Za-z0-9_]* | [$€] )
  | (?P<sign> \*\* | // | [-+*/%^(),·×÷−] )
    )""",  # noqa: RUF001 - signs that people paste
    re.VERBOSE,
)
_PASTED = {"^": "**", "·": "*", "×": "*", "÷": "/", "−": "-"}  # noqa: RUF001
_SIGNS = {"of": "@", "in": "in", "to": "in", "per": "/", "percent": "%"} | _PASTED
_SCALES = {"k": "1000", "K": "1000", "thousand": "1000", "M": "1000000", "million": "1000000", "billion": "1000000000"}
_CURRENCIES = {"$": "USD", "USD": "USD", "usd": "USD", "€": "EUR", "EUR": "EUR", "eur": "EUR"}

_SPELLINGS = {
    "B": "byte bytes",
    "KB": "kB",
    "bit": "bits",
    "us": "µs microsecond microseconds",
    "ms": "millisecond milliseconds",
    "s": "sec secs second seconds",
    "min": "mins minute minutes",
    "h": "hr hrs hour hours",
    "d": "day days",
    "week": "weeks",
    "month": "months",
    "year": "years",
    "USD": "dollar dollars",
    "EUR": "euro euros",
    "request": "requests req reqs",
    "token": "tokens tok",
    "(request/s)": "rps RPS",
}
_UNITS = {
    **{symbol: symbol for symbol in DIMENSIONS},
    **{word: symbol for symbol, words in _SPELLINGS.items() for word in words.split()},
    **_CURRENCIES,
    **{size.removesuffix("B"): size for size in BINARY_BYTES if size != "B"},  # Gi, as Kubernetes writes it
    **{f"{size.removesuffix('it')}ps": f"({size}/s)" for size in BITS},  # Gbps
    **{f"{size}ps": f"({size}/s)" for size in BYTES},  # GBps
}
_AMBIGUOUS = {
    "m": "min or million",
    "mo": "month or 30 d",
    "b": "B or bit",
    **{f"{prefix}b": f"{prefix}B or {prefix}bit" for prefix in "KMGTP"},
    **{f"{prefix}b".lower(): f"{prefix}B or {prefix}bit" for prefix in "KMGTP"},
}
"""What can be read in two ways, with the ways to say it."""


def python(text: str, names: Collection[str]) -> str:
    """The Python expression for what people write; `names` are functions and constants. Raises InputError."""
    return _Reader(text, names).read()


@dataclass(frozen=True)
class _Token:
    kind: str = "end"
    text: str = ""
    spaced: bool = False
    """Whether a space stands before it."""

    @property
    def is_number(self) -> bool:
        return self.kind in {"number", "grouped"}


class _Reader:
    """Reads from left to right; what a number or a bracket is followed by becomes its unit."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self._text = text
        self._names = names
        self._tokens = self._split()
        self._at = 0
        self._in_call: list[bool] = []

    def read(self) -> str:
        written: list[str] = []
        while self._at < len(self._tokens):
            written.append(self._unit_of_bracket() or self._next())
        return " ".join(written)

    def _unit_of_bracket(self) -> str:
        return self._units() if self._peek(-1).text == ")" else ""

    def _next(self) -> str:
        token = self._take()
        if token.is_number:
            return self._amount(token)
        return self._word(token) if token.kind == "word" else self._sign(token)

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        at, end = 0, len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if not match or not match.lastgroup:
                raise self._refusal(f"{self._text[at:].strip()[:1]!r} has no meaning in it")
            kind, text = match.lastgroup, match[match.lastgroup]
            if text in _SIGNS:
                kind, text = "sign", _SIGNS[text]
            tokens.append(_Token(kind, text, spaced=match.start(match.lastgroup) > at))
            at = match.end()
        return tokens

    def _peek(self, ahead: int = 0) -> _Token:
        at = self._at + ahead
        return self._tokens[at] if 0 <= at < len(self._tokens) else _Token()

    def _take(self) -> _Token:
        self._at += 1
        return self._peek(-1)

    def _refusal(self, reason: str) -> InputError:
        return InputError(f"{self._text!r} is no arithmetic expression: {reason}.")

    def _amount(self, number: _Token, currency: str = "") -> str:
        """`3` or `3[GB/s]`; `1 h 30 min` becomes a sum."""
        digits = number.text
        if number.kind == "grouped":
            if self._in_call and self._in_call[-1]:
                raise self._refusal(f"{digits} may be one number or more, so write it without a comma or with a space")
            digits = digits.replace(",", "")
        if self._peek().text == "**" and self._peek(1).is_number and self._unit(2):
            digits = f"({digits} {self._take().text} {self._take().text})"
        units = self._units(currency)
        shorter = DURATIONS.get(self._unit(1), math.inf) if self._peek().is_number else math.inf
        if shorter < DURATIONS.get(units[1:-1], 0):
            return f"({digits}{units} + {self._amount(self._take())})"
        return digits + units

    def _units(self, currency: str = "") -> str:
        """The unit that stands here, in brackets: `[1000000*token/s]`. A rate is read whole: 9 GB / 3 GB/s is 3 s."""
        factors = [currency] if currency else []
        if self._peek().text in _SCALES:
            factors.append(_SCALES[self._take().text])
        if not currency and (unit := self._unit()):
            factors.append(unit)
            self._take()
        if not factors:
            return ""
        units = "*".join(factors)
        while self._peek().text == "/" and (unit := self._unit(1)):
            units += self._take().text + unit
            self._take()
        return f"[{units}]"

    def _unit(self, ahead: int = 0) -> str:
        """The unit that a word stands for. `min(` is a function, and the $ of `$5` belongs to the 5."""
        word, after = self._peek(ahead), self._peek(ahead + 1)
        called = word.text in self._names and after.text == "("
        prefix = word.text in _CURRENCIES and after.is_number
        return "" if called or prefix or word.kind != "word" else _UNITS.get(word.text, "")

    def _word(self, word: _Token) -> str:
        if word.text in _CURRENCIES and self._peek().is_number:
            return self._amount(self._take(), _CURRENCIES[word.text])
        if meaning := self._unit(-1) or _SCALES.get(word.text, ""):
            return meaning
        if word.text in self._names:
            return word.text
        if word.text in _AMBIGUOUS:
            raise self._refusal(f"{word.text!r} can be read in more than one way, so write {_AMBIGUOUS[word.text]}")
        raise self._refusal(f"{word.text!r} is no unit or function that I know")

    def _sign(self, sign: _Token) -> str:
        match sign.text:
            case "(":
                self._in_call.append(self._peek(-2).text in self._names)
            case ")" if self._in_call:
                self._in_call.pop()
            case "%" if self._peek(-2).text == "in":
                return "percent"
            case "%" if self._is_percentage(sign):
                return "[percent]"
            case _:
                pass
        return sign.text

    def _is_percentage(self, sign: _Token) -> bool:
        """Whether % is no remainder, which is followed by a number. `10% - 3` subtracts; `10 % -3` divides."""
        after = self._peek()
        if after.text not in {"+", "-"}:
            return after.kind == "end" or (after.kind == "sign" and after.text != "(")
        if not self._peek(1).spaced and not sign.spaced:
            raise self._refusal(f"%{after.text} may take a percentage or a remainder, so write 10% - 3 or 10 % -3")
        return self._peek(1).spaced
