import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.splitting import split_markdown

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")

WORDS = st.text(st.sampled_from("ab \u05d0\u0645\u202e\U0001f600\U0001f468\u200d\u0301é|*_`~#->[]()"), max_size=60)
LONG = st.text(st.sampled_from("xy \U0001f600\u05d0"), min_size=1, max_size=1500)
OPENING = st.sampled_from(["```", "```python", "~~~", "~~~~yaml", "````", "  ```sh", "```" + "l" * 60, "``` a b"])
MARKDOWN = st.lists(st.one_of(WORDS, LONG, OPENING, st.just(""), st.just("| a | b |")), max_size=60).map("\n".join)
LIMIT = st.integers(min_value=200, max_value=900)


def fences_closed(part: str) -> bool:
    """As CommonMark has it: a fence is closed by at least as many of its own marks with nothing behind."""
    fence = ""
    for line in part.split("\n"):
        found = FENCE.match(line)
        if not found:
            continue
        marks, info = found.groups()
        if not fence:
            fence = "" if marks[0] == "`" and "`" in info else marks
        elif marks[0] == fence[0] and len(marks) >= len(fence) and not info.strip():
            fence = ""
    return not fence


def content(text: str) -> str:
    """The text without fences and line breaks."""
    return "".join(line for line in text.split("\n") if not FENCE.match(line)).replace(" ", "")


@given(MARKDOWN, LIMIT)
def test_every_part_is_within_the_limit(text: str, limit: int) -> None:
    assert all(0 < len(part) <= limit for part in split_markdown(text, limit))


@given(MARKDOWN, LIMIT)
def test_every_part_closes_the_fences_that_it_opens(text: str, limit: int) -> None:
    parts = split_markdown(text, limit)

    assert all(fences_closed(part) for part in (parts if fences_closed(text) else parts[:-1]))


@given(MARKDOWN, LIMIT)
def test_nothing_is_lost_and_nothing_is_said_twice(text: str, limit: int) -> None:
    assert content("\n".join(split_markdown(text, limit))) == content(text)


@given(st.text(max_size=3_000), LIMIT)
def test_any_text_at_all_is_kept(text: str, limit: int) -> None:
    parts = split_markdown(text, limit)

    assert all(len(part) <= limit for part in parts)
    assert content("\n".join(parts)) == content(text) or not text.strip()


@given(
    st.text(max_size=150).filter(lambda text: text.strip() and not text.startswith("\n") and not text.endswith("\n"))
)
def test_text_that_fits_is_left_as_it_is(text: str) -> None:
    assert split_markdown(text, 400) == [text]


@pytest.mark.parametrize("text", ["", "\n", "\n\n\n", "   \n  "])
def test_nothing_gives_no_message(text: str) -> None:
    assert split_markdown(text, 200) == []


def test_code_goes_on_in_its_language_in_the_next_part() -> None:
    code = "\n".join(f"line_{n} = {n}" for n in range(60))

    parts = split_markdown(f"Before\n\n```python\n{code}\n```\n\nAfter", 400)

    assert len(parts) > 2
    assert all(part.startswith("```python\n") for part in parts[1:])
    assert all(part.endswith("\n```") for part in parts[:-1])


def test_tilde_fence_with_backticks_inside_is_one_block() -> None:
    inside = "\n".join(["```", "x" * 100, "```"] * 4)

    parts = split_markdown(f"~~~markdown\n{inside}\n~~~", 300)

    assert all(part.startswith("~~~markdown\n") and part.endswith("\n~~~") for part in parts)


def test_long_line_is_cut_at_a_space() -> None:
    parts = split_markdown("word " * 200, 300)

    assert all(part.split() == ["word"] * len(part.split()) for part in parts)


def test_line_without_a_space_is_cut_where_it_must_be() -> None:
    assert "".join(split_markdown("x" * 1_000, 300)) == "x" * 1_000
