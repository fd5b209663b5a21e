"""`calculate` over expressions of people, of models and of nobody."""

import math
import re
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.answering.arithmetic.calculate import MAX_LENGTH, calculate
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
        ("ceil(0.1 * 3 * 10)", "3"),
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
    ("expression", "told"),
    [
        ("3 GB + 500 MB", "3.5 GB"),
        ("0.2 TB", "200 GB"),
        ("1024 GiB", "1 TiB"),
        ("16 Gi - 512 Mi", "15.5 GiB"),
        ("1500 bytes", "1.5 KB"),
        ("7e9 * 2 B", "14 GB"),
        ("7 billion * 2 bytes in GiB", "13.0385160446 GiB"),
        ("2**40 B in TiB", "1 TiB"),
        ("(2 + 3) GB", "5 GB"),
        ("8 Mbit in MB", "1 MB"),
        ("3 GB - 3 GB", "0 GB"),
        ("0.1 B", "0.1 B"),
        ("1 GB * 1 GB", "1 GB²"),
        ("max(3 GB, 500 MB, 1 GiB)", "3 GB"),
        ("min(3 GB, 500 MB)", "500 MB"),
        ("abs(-3 GB)", "3 GB"),
        ("-(3 GB)", "-3 GB"),
        ("round(1234.5 MB in GB, 1)", "1.2 GB"),
        ("7 GB // 2 GB", "3"),
        ("7 GB % 2 GB", "1 GB"),
        ("1 GB // 1 MB", "1000"),
    ],
)
def test_sizes_are_told_in_a_unit_of_their_magnitude(expression: str, told: str) -> None:
    assert calculate(expression) == told


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("45 s", "45 s"),
        ("150 ms", "150 ms"),
        ("0.0025 s", "0.0025 s (2.5 ms)"),
        ("30 µs * 2", "60 us"),
        ("90 s + 30 s", "120 s (2 min)"),
        ("1 h / 3", "0.333333333333 h (20 min)"),
        ("1 h 30 min", "1.5 h (1 h 30 min)"),
        ("1 d 2 h 3 min 4 s in s", "93,784 s"),
        ("90 s - 1 h", "-3510 s (-58 min 30 s)"),
        ("720 h", "720 h (30 d)"),
        ("2 weeks", "2 weeks (14 d)"),
        ("100 s / 3", "33.3333333333 s"),
        ("1000 s / 3", "333.333333333 s (5 min 33.333 s)"),
        ("(100% - 99.9%) of 30 d", "0.03 d (43 min 12 s)"),
        ("1e90 h", "1e+90 h"),
        ("ceil(90 min in h)", "2 h"),
        ("2 years", "2 years"),
        ("1 year in months", "12 months"),
    ],
)
def test_durations_are_told_as_on_a_clock(expression: str, told: str) -> None:
    assert calculate(expression) == told


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("20% of 80 GB", "16 GB"),
        ("80 GB * 20%", "16 GB"),
        ("80 GB - 20%", "64 GB"),
        ("0.526 + 10%", "0.5786"),
        ("$100 - 5 percent", "$95.00"),
        ("5% + 10%", "15%"),
        ("-5%", "-5%"),
        ("50% * 50%", "0.25"),
        ("20%", "20%"),
        ("20 % of 50", "10"),
        ("1/4 of 80 GB", "20 GB"),
        ("max(5%, 0.01)", "0.05"),
        ("16 GB / 80 GB in %", "20%"),
        ("3/4 to percent", "75%"),
        ("99.9% of 30 d in min", "43,156.8 min"),
        ("10% - 3", "-2.9"),
        ("10 % -3", "-2"),
        ("7 %3", "1"),
        ("10 %(3)", "1"),
    ],
)
def test_percentages_are_meant_as_people_mean_them(expression: str, told: str) -> None:
    assert calculate(expression) == told


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("$0.526/h * 720 h", "$378.72"),
        ("0.526 USD/h * 720 hours", "$378.72"),
        ("$0.526 per hour * 90 min", "$0.789"),
        ("$378.72 / 720 h", "$0.526/h"),
        ("$0.023/GB/month * 500 GB", "$11.50/month"),
        ("$11.5/month * 1 year", "$138.00"),
        ("$0.526/h * 730 h/month", "$383.98/month"),
        ("$3 per 1M tokens * 50M tokens", "$150.00"),
        ("$0.15/1M tokens", "$0.15/1M tokens"),
        ("$12.345/h", "$12.345/h"),
        ("$0.0000166667/(GB*s) * 512 MB * 100 ms", "$0.0000008533"),
        ("$2.50 * 8 * 730", "$14,600.00"),
        ("€1,234.5 * 2", "€2,469.00"),
        ("2.675 USD", "$2.68"),
        ("-$5", "-$5.00"),
        ("$0 * 3", "$0.00"),
        ("3 $", "$3.00"),
        ("$1.5k", "$1,500.00"),
        ("$1e20", "$1e+20"),
        ("100 EUR * 1.1 USD/EUR", "$110.00"),
        ("$100 / $2.5/h", "40 h (1 d 16 h)"),
    ],
)
def test_money_is_told_with_cents(expression: str, told: str) -> None:
    assert calculate(expression) == told


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("500 GB / (200 MB/s)", "2500 s (41 min 40 s)"),
        ("500 GB / 200 MB/s", "2500 s (41 min 40 s)"),
        ("500 GB / 1 h", "500 GB/h"),
        ("0.05 GB/s", "50 MB/s"),
        ("1 TB / 1 Gbps", "8000 s (2 h 13 min 20 s)"),
        ("10 Gbps in MB/s", "1250 MB/s"),
        ("50 rps * 1 d", "4,320,000 requests"),
        ("1000 requests / 20 s", "50 requests/s"),
        ("1 request", "1 request"),
        ("1M tokens / (50 tokens/s)", "20,000 s (5 h 33 min 20 s)"),
        ("150 ms/request * 1k requests", "150,000 ms (2 min 30 s)"),
        ("60 / min in 1/s", "1/s"),
        ("512 MB * 2 h", "1.024 GB·h"),
        ("6 h / 2 h * s", "3 s"),
        ("1 TB / 100 GB", "10"),
        ("ceil(7 TB / 70 GB)", "100"),
        ("ceil(24 h/d)", "1"),
        ("10**9 tokens", "1,000,000,000 tokens"),
    ],
)
def test_rates_give_amounts_and_durations(expression: str, told: str) -> None:
    assert calculate(expression) == told


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("90 min in h", "1.5 h"),
        ("1 TiB to GB", "1099.51162778 GB"),
        ("1 KiB in B", "1024 B"),
        ("2000 GB in GB", "2000 GB"),
        ("2 weeks in d", "14 d"),
        ("120 requests/min to rps", "2 requests/s"),
        ("$1/h in $/d", "$24.00/d"),
        ("24 h/d * 30 d/month in h/month", "720 h/month"),
    ],
)
def test_a_conversion_stays_in_the_unit_that_was_asked_for(expression: str, told: str) -> None:
    assert calculate(expression) == told


@pytest.mark.parametrize(
    ("expression", "value"),
    [("1,000,000 * 3", "3000000"), ("1,234.5", "1234.5"), ("max((1,000), 2)", "1000"), ("max(1000,200)", "1000")],
)
def test_thousands_may_be_grouped(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("3 GB + 2 h", "3 GB and 2 h cannot be added."),
        ("3 GB - 2", "3 GB and 2 cannot be subtracted."),
        ("0 + 3 GB", "0 and 3 GB cannot be added."),
        ("max(3 GB, 2 h)", "3 GB and 2 h cannot be compared."),
        ("max(0, 2 h)", "0 and 2 h cannot be compared."),
        ("7 GB // 2", "7 GB and 2 cannot be divided without a rest."),
        ("20% + 3 GB", "0.2 and 3 GB cannot be added."),
        ("$3 + €2", "$3.00 and €2.00 cannot be added. I know no exchange rate: multiply by one, such as 1.1 USD/EUR."),
        ("5 GB in h", "5 GB and 1 h cannot be converted into each other."),
        ("5 in GB", "5 and 1 GB cannot be converted into each other."),
        ("5 GB in 2 GB", "A conversion ends in a unit: 90 min in h, 1 TiB to GB."),
        ("3 of 4", "A share is a percentage or a fraction: 20% of 80 GB, 1/3 of 90."),
        ("sqrt(4 GB)", "sqrt takes numbers without units."),
        ("round(4, 2 GB)", "round takes numbers without units."),
        ("(3 GB)%", "A percentage takes a number without a unit, and 3 GB has one."),
        ("50%%", "50% is a percentage already."),
        ("3 GB ** 2", "A power takes a number without a unit, and 3 GB has one."),
        ("GB*GB*GB*GB*GB", "That multiplies more units than a measure has."),
    ],
)
def test_what_does_not_fit_together_is_said(expression: str, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        calculate(expression)
    assert refused.value.said == sentence


@pytest.mark.parametrize("expression", ["$5/h * 1 month", "1 month + 1 d", "1 month in d", "50 rps * 1 year"])
def test_months_never_turn_into_days(expression: str) -> None:
    with pytest.raises(InputError, match="Months and years differ in length"):
        calculate(expression)


@pytest.mark.parametrize("expression", ["$3 * €2", "€5 in USD", "min($3, €2)", "$5/h + €5/h", "$5 * 2 EUR / 1 h"])
def test_currencies_never_mix(expression: str) -> None:
    with pytest.raises(InputError, match="no exchange rate"):
        calculate(expression)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("5 Gb", "write GB or Gbit"),
        ("5 gb", "write GB or Gbit"),
        ("5 m", "write min or million"),
        ("max(1,200)", "1,200 may be one number or more"),
        ("10%-3", "write 10% - 3 or 10 % -3"),
        ("3 parsecs", "'parsecs' is no unit or function"),
        ("£3", "'£' has no meaning"),
    ],
)
def test_what_can_be_read_in_two_ways_is_not_guessed(expression: str, reason: str) -> None:
    with pytest.raises(InputError, match=re.escape(reason)):
        calculate(expression)


@pytest.mark.parametrize(
    "expression", ["1 s 1 s", "1 min 1 h", "3 GB 2 MB", "5 GB h", "1,00", "1,000,00", "1.000,5", "GB GB"]
)
def test_what_stands_side_by_side_without_sense_is_refused(expression: str) -> None:
    with pytest.raises(InputError, match="is no arithmetic expression"):
        calculate(expression)


def test_plain_arithmetic_does_not_wait_for_the_library_of_units() -> None:
    program = """
import sys
from core.answering.arithmetic.calculate import calculate
print(calculate("0.526 * 720 + 10%"), "pint" in sys.modules, calculate("90 min in h"), "pint" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603
    assert ended.stdout.split() == ["416.592", "False", "1.5", "h", "True"]


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
        "2**(2**100)",
        "*".join(["10**300"] * 20),
        "9" * 150 + " GB",
        "1" + ",000" * 49,
        "1e99 PB * 1000",
        "1e99 PB in bit",
        "round(1 GB, 10**12)",
        "2**999999 tokens",
    ],
)
def test_what_grows_too_large_is_refused_at_once(expression: str) -> None:
    with pytest.raises(InputError, match="too large"):
        calculate(expression)


def test_rounding_to_absurd_places_does_not_block() -> None:
    program = """
import sys
from core.answering.arithmetic.calculate import calculate
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


NUMBERS = st.integers(0, 10**6).map(str) | st.floats(1e-9, 1e6).map(repr)
"""None so small that a part of an expression is too large, while the whole is not."""

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
    if isinstance(expected, int):
        assert calculate(expression) == str(expected)
    else:
        assert math.isclose(float(calculate(expression)), expected, rel_tol=1e-11)


WORDS = ["1", "9", "0", "7.5", "1e308", "1,000", "10**99", "**", "^", "*", "/", "//", "%", "+", "-", "(", ")", ",", " "]
WORDS += ["GB", "MB", "KiB", "bit", "Gbps", "ms", "s", "min", "h", "week", "month", "year", "$", "EUR", "tokens", "rps"]
WORDS += [" of ", " in ", " to ", "per", "percent", "k", "M", "million", "pi", "e", "sqrt(", "log(", "max(", "round("]
WORDS += [
    "exp",
    "abs",
    "ceil(",
    "True",
    "1j",
    "'",
    '"',
    "\\",
    "\n",
    "[",
    "]",
    "{",
    ":",
    "lambda",
    ".",
    "=",
    "_",
    "x",
    "Gb",
]
AMOUNTS = st.sampled_from(["1", "30", "0.5", "1,000", "7e9"])
UNITS = st.sampled_from(["", "GB", "KiB", "GB/s", " h", " min", "$", "$/h", " EUR", "%", " tokens", "rps", " month"])
SENSIBLE = st.lists(
    st.tuples(AMOUNTS, UNITS, st.sampled_from(["+", " - ", "*", "/", " of ", " // ", " in "])), max_size=20
)
TEXTS = (
    st.text(max_size=MAX_LENGTH + 5)
    | st.text("0123456789+-*/%^(),.$€ eEBGMKTPibtshdmnwkuo", max_size=MAX_LENGTH)
    | st.lists(st.sampled_from(WORDS), max_size=40).map("".join)
    | SENSIBLE.map(lambda parts: "".join(map("".join, parts)) + "1 GB")
)


@given(TEXTS)
@example("9**9**9")
@example("0" * MAX_LENGTH)
@example("10**99 * 1 token")
@example("$" + "9" * 99)
@example("1e-320 USD")
@example("1 GB" + "%" * 190)
@example("1 B" + "*1 B/1 B" * 24)
def test_any_text_gives_a_short_text_or_a_refusal(text: str) -> None:
    try:
        told = calculate(text)
    except InputError as error:
        told = error.said
        well = told.endswith(".")
    else:
        well = len(told) < MAX_LENGTH and bool(set(told) & set("0123456789"))
    assert well, told


SIZES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@given(st.integers(0, 10**6), st.sampled_from(list(SIZES)), st.integers(1, 10**6), st.sampled_from(list(SIZES)))
@example(1, "GB", 1, "MB")
@example(7, "GB", 70, "MB")
@example(1000, "GB", 1, "B")
def test_sizes_agree_with_bytes(left: int, unit: str, right: int, other: str) -> None:
    first, second = left * SIZES[unit], right * SIZES[other]
    assert math.isclose(float(calculate(f"({left} {unit} + {right} {other}) / 1 B")), first + second, rel_tol=1e-11)
    assert math.isclose(float(calculate(f"{left} {unit} / ({right} {other})")), first / second, rel_tol=1e-11)
    if unit in {"B", "KB", "MB", "GB"} and other in {"B", "KB", "MB", "GB"}:
        assert calculate(f"{left} {unit} // {right} {other}") == str(first // second)


@given(st.decimals("0.01", "99999999", places=2))
def test_an_amount_of_money_is_told_as_it_was_written(amount: Decimal) -> None:
    told = calculate(f"${amount}")
    assert told == f"${amount:,.2f}"
    assert calculate(told) == told
