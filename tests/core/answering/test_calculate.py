"""`calculate` over expressions of people, of models and of nobody."""

import math
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.answering.calculate import MAX_LENGTH, MAX_MAGNITUDE, calculate
from core.errors import InputError
from core.settings import ROOT

BLOCKING = 10
"""Seconds after which a calculation counts as endless; nothing that passes comes near."""


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("3 * 24 * 0.526", "37.872"),
        ("0.1 + 0.2", "0.3"),
        ("7 / 2", "3.5"),
        ("7 // 2", "3"),
        ("-7 % 3", "2"),
        ("2 ** 10", "1024"),
        ("2^10", "1024"),
        ("2 ** -1", "0.5"),
        ("-2 ** 2", "-4"),
        ("+-+5", "-5"),
        ("  1\t+ 1 ", "2"),
        ("1_000 * 3", "3000"),
        ("1e3", "1000"),
        ("0x10", "16"),
        ("10**50 + 1", "1" + "0" * 49 + "1"),
        ("1 / 3", "0.333333333333"),
    ],
)
def test_arithmetic_is_calculated(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("abs(-3)", "3"),
        ("ceil(2.1)", "3"),
        ("floor(-2.1)", "-3"),
        ("exp(0)", "1"),
        ("log(e)", "1"),
        ("log(8, 2)", "3"),
        ("log10(1000)", "3"),
        ("log2(1024)", "10"),
        ("max(1, 5, 3)", "5"),
        ("min(2, 1 / 2)", "0.5"),
        ("round(2.675, 1)", "2.7"),
        ("round(2.5)", "2"),
        ("round(1234, -2)", "1200"),
        ("sqrt(2)", "1.41421356237"),
        ("pi", "3.14159265359"),
        ("max(sqrt(16), abs(-(2 + 3)))", "5"),
    ],
)
def test_functions_and_constants_are_known(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "   ",
        "price * 3",
        "__import__('os').system('true')",
        "open('/etc/passwd')",
        "eval('1')",
        "(1).bit_length()",
        "pi.real",
        "(1).__class__.__bases__",
        "'a' * 3",
        "b'a'",
        "f'{1}'",
        "[x for x in (1, 2)]",
        "sum(x for x in (1, 2))",
        "{1: 2}",
        "(1, 2)",
        "[1][0]",
        "lambda: 1",
        "(x := 3)",
        "1 if 2 else 3",
        "1 < 2",
        "1 and 2",
        "not 1",
        "~1",
        "1 << 9",
        "1 @ 2",
        "True",
        "True + 1",
        "max(True, 2)",
        "None",
        "...",
        "1j",
        "(-8) ** (1 / 3)",
        "sqrt(-1)",
        "log(0)",
        "round(2.675, ndigits=1)",
        "max(1, 2, key=abs)",
        "max(*[1, 2])",
        "max()",
        "max(3)",
        "abs(1, 2)",
        "round(1, 0.5)",
        "abs",
        "sqrt(2",
        "1 +",
        "1; 2",
        "x = 1",
        "import os",
        "1\n2",
        "1 # a comment\n+",
        "two plus two",
        "1 + \x00",
        "\ud800",
        "٣ + ٤",
    ],
)
def test_what_is_no_arithmetic_is_refused_in_words(expression: str) -> None:
    with pytest.raises(InputError, match="is no arithmetic expression"):
        calculate(expression)


@pytest.mark.parametrize("expression", ["1 / 0", "1 // 0", "1 % 0", "1.5 % 0", "0 ** -1", "log(10, 1)", "1 / (2 - 2)"])
def test_division_by_zero_is_said(expression: str) -> None:
    with pytest.raises(InputError, match="divides by zero"):
        calculate(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9",
        "9**9**9**9",
        "(9**9)**9**9",
        "2**10000",
        "10**101",
        "1.5**300.5**2",
        "10**99 * 10**99",
        "10**99 * 99",
        "*".join(["10**60"] * 20),
        "-(10**60) * 10**60",
        "1e999",
        "-1e999",
        "1e60 * 1e60",
        "exp(1000)",
        "exp(300)",
        "9" * 150,
        "max(1, 9**9**9)",
        "10**99 // 1e-99",
        "10**99 / 10**-99",
    ],
)
def test_what_grows_too_large_is_refused_at_once(expression: str) -> None:
    with pytest.raises(InputError, match="too large"):
        calculate(expression)


def test_rounding_to_absurd_places_does_not_block() -> None:
    program = """
import sys
from core.answering.calculate import calculate
from core.errors import InputError
for expression in sys.argv[1:]:
    try:
        print(calculate(expression))
    except InputError:
        print("refused")
"""
    expressions = ["round(7, -(10**9))", "round(7, -(10**50))", "round(10**99, -(10**12))", "round(1.5, 10**12)"]
    asked = [sys.executable, "-c", program, *expressions]
    ended = subprocess.run(asked, timeout=BLOCKING, capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603
    assert len(ended.stdout.split()) == len(expressions)
    assert set(ended.stdout.split()) <= {"0", "1.5", "refused"}


def test_the_longest_expression_is_read_and_a_longer_one_is_not() -> None:
    longest = "1+" * (MAX_LENGTH // 2 - 1) + "10"
    assert len(longest) == MAX_LENGTH
    assert calculate(longest) == str(MAX_LENGTH // 2 - 1 + 10)
    with pytest.raises(InputError, match=f"may have {MAX_LENGTH} characters"):
        calculate(longest + "0")
    with pytest.raises(InputError, match="may have"):
        calculate("1+" * 100_000 + "1")


@pytest.mark.parametrize(
    ("expression", "value"),
    [("(" * 99 + "1" + ")" * 99, "1"), ("-" * 198 + "1", "1"), ("abs(" * 39 + "-5" + ")" * 39, "5")],
)
def test_deep_nesting_within_the_length_is_calculated(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize("expression", ["(" * 200, "[" * 200, "sqrt(" * 40, "(" * 99 + "1" + ")" * 98])
def test_deep_nesting_that_never_closes_is_refused(expression: str) -> None:
    with pytest.raises(InputError, match="is no arithmetic expression"):
        calculate(expression)


NUMBERS = st.integers(0, 10**6).map(str) | st.floats(0, 1e6, allow_subnormal=False).map(repr)
EXPRESSIONS = st.recursive(
    NUMBERS,
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner) | inner.map("(-{})".format),
    max_leaves=8,
).filter(lambda expression: len(expression) <= MAX_LENGTH)


@given(EXPRESSIONS)
@example("(1 / (2 - 2))")
@example("((0.1 + 0.2) - 0.3)")
def test_it_agrees_with_python(expression: str) -> None:
    try:
        expected = eval(expression)  # noqa: S307 - the strategy writes numbers, + - * / and brackets alone
    except ZeroDivisionError:
        with pytest.raises(InputError, match="divides by zero"):
            calculate(expression)
        return
    if abs(expected) > MAX_MAGNITUDE:
        with pytest.raises(InputError, match="too large"):
            calculate(expression)
    elif isinstance(expected, int):
        assert calculate(expression) == str(expected)
    else:
        assert math.isclose(float(calculate(expression)), expected, rel_tol=1e-11)


TOKENS = ["1", "9", "0", ".5", "1e308", "**", "^", "*", "/", "//", "%", "+", "-", "(", ")", ",", "pi", "sqrt", "log"]
TOKENS += ["max", "exp", "abs", "ceil", "True", "1j", "'", '"', "\\", "\n", "[", "]", "{", ":", "lambda", ".", "=", " "]


@given(st.text(max_size=MAX_LENGTH + 5) | st.lists(st.sampled_from(TOKENS), max_size=40).map("".join))
@example("9**9**9")
@example("0" * MAX_LENGTH)
def test_any_text_gives_a_number_or_a_refusal(text: str) -> None:
    try:
        value = calculate(text)
    except InputError as error:
        value = error.said
        told = "expression" in value or "divides by zero" in value or "too large" in value
    else:
        told = abs(float(value)) <= MAX_MAGNITUDE * 1.001
    assert told, value
