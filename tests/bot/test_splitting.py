import re
from collections.abc import Callable, Iterator
from itertools import accumulate

import pytest
import regex
from hypothesis import assume, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.splitting import GUARD, Part, split_markdown, utf16

FENCE = re.compile(r"^ {0,3}(`{3,16}|~{3,16})(.*)$")
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
FLAG = "\U0001f1e9\U0001f1ea"
DRAWN = MarkdownIt("commonmark").enable("table")


def utf8(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def repeated(unit: str, times: int) -> str:
    return unit * times


def fence_around(marks: str, language: str, code: list[str]) -> str:
    return "\n".join([marks + language, *code, marks])


def table_of(rows: list[tuple[str, str]]) -> str:
    return "\n".join(["| One | Two |", "|:--|--:|", *(f"| {one} | {two} |" for one, two in rows)])


ANY_SIGN = st.characters(codec=None, categories=None)
SIGNS = st.sampled_from(
    [*"ab \t\r|*_`~#->[]().:1", "\u05d0", "\u0645", "\u202e", "\u0301", "\u00a0", "漢", FAMILY, FLAG]
)
WORDS = st.lists(SIGNS, max_size=60).map("".join)
LONG = st.builds(
    repeated,
    st.sampled_from(
        ["x", "word ", "שלום ", "漢", FAMILY, FLAG, "e\u0301", " \u0301", "`", "~", "|", " ", "``` ", "\n"]
    ),
    st.integers(1, 900),
)
OPENING = st.sampled_from(
    [
        "```",
        "```python",
        "~~~",
        "~~~~yaml",
        "````",
        "  ```sh",
        "- ```js",
        "    ```",
        "> ```",
        "```" + "l" * 60,
        "``` a b",
    ]
)
TABLE = st.sampled_from(["| a | b |", "|---|---|", "| 1 | 2 |", "a | b", "--- | :-:", "`x|y` | \\|"])
LINE = st.one_of(WORDS, LONG, OPENING, TABLE, st.sampled_from(["", "", "# Title", "- item", "> quote", "    deep"]))
MARKDOWN = st.builds(str.join, st.sampled_from(["\n", "\n", "\r\n"]), st.lists(LINE, max_size=60))
MODEST = 40
"""Code points of a character that is cut nowhere."""

LIMIT = st.integers(min_value=200, max_value=900)
SIZE = st.sampled_from([len, utf16, utf8])

CODE_LINE = st.one_of(
    st.text(st.sampled_from("xy =()\u05d0\U0001f600"), max_size=50), st.just("y" * 1200), st.just("z = 1 " * 150)
)
CELL = st.text(st.sampled_from("abc\u05d0漢\U0001f600"), min_size=1, max_size=20)
WELL_FORMED_FENCE = st.builds(
    fence_around,
    st.sampled_from(["```", "````", "~~~"]),
    st.sampled_from(["", "python", "c++"]),
    st.lists(CODE_LINE, min_size=1, max_size=40),
)
WELL_FORMED_TABLE = st.builds(
    table_of,
    st.lists(st.tuples(CELL, CELL), min_size=1, max_size=60),
)
PARAGRAPH = st.builds(repeated, st.sampled_from(["word ", "שלום ", "word\n", "x"]), st.integers(1, 300))
WELL_FORMED = st.lists(
    st.one_of(WELL_FORMED_FENCE, WELL_FORMED_TABLE, PARAGRAPH, st.just("## Title")), min_size=1, max_size=8
).map("\n\n".join)


def shown(text: str, limit: int) -> list[str]:
    return [part.shown for part in split_markdown(text, limit)]


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


def drawn(texts: list[str], kind: str) -> str:
    """What a reader sees of code or of the body of tables, without white space."""
    return "".join("".join(_drawn(text, kind)) for text in texts).replace(GUARD, "")


def _drawn(text: str, kind: str) -> Iterator[str]:
    in_body = False
    for token in DRAWN.parse(text):
        in_body = token.type == "tbody_open" or (in_body and token.type != "tbody_close")
        if (token.type == "fence" and kind == "code") or (token.type == "inline" and in_body and kind == "table"):
            yield "".join(token.content.split())


@given(st.one_of(MARKDOWN, st.text(ANY_SIGN, max_size=1_500)), LIMIT, SIZE)
def test_parts_joined_are_the_text(text: str, limit: int, size: Callable[[str], int]) -> None:
    joined = "".join(part.text for part in split_markdown(text, limit, size))

    assert joined == (text if text.strip() else "")


@given(st.one_of(MARKDOWN, st.text(ANY_SIGN, max_size=1_500)), LIMIT, SIZE)
def test_every_part_is_within_the_limit_and_says_something(text: str, limit: int, size: Callable[[str], int]) -> None:
    for part in split_markdown(text, limit, size):
        assert size(part.shown) <= limit
        assert part.text.strip()


@given(MARKDOWN, LIMIT)
def test_what_is_shown_of_a_part_is_its_text_but_for_space_at_the_ends(text: str, limit: int) -> None:
    for part in split_markdown(text, limit):
        inside = part.shown.removeprefix(part.before).removesuffix(part.after)
        assert inside.strip() == part.text.strip()


@given(WELL_FORMED, LIMIT)
def test_every_part_closes_the_fences_that_it_opens(text: str, limit: int) -> None:
    assert all(fences_closed(part) for part in shown(text, limit))


@given(WELL_FORMED, LIMIT)
def test_code_is_drawn_as_code_in_every_part_and_nothing_else_is(text: str, limit: int) -> None:
    assert drawn(shown(text, limit), "code") == drawn([text], "code")


@given(WELL_FORMED, LIMIT)
def test_rows_are_drawn_as_rows_in_every_part_and_once(text: str, limit: int) -> None:
    assert drawn(shown(text, limit), "table") == drawn([text], "table")


@given(st.lists(SIGNS, max_size=1_500).map("".join), LIMIT)
def test_no_character_is_cut_in_two(text: str, limit: int) -> None:
    ends = {cluster.end() for cluster in regex.finditer(r"\X", text) if len(cluster[0]) < MODEST}
    assume(len(ends) == len(regex.findall(r"\X", text)))

    assert set(accumulate(len(part.text) for part in split_markdown(text, limit))) <= ends


@given(WELL_FORMED_TABLE, st.text("word ", min_size=1, max_size=150), LIMIT)
def test_table_that_fits_is_in_one_part(table: str, above: str, limit: int) -> None:
    parts = split_markdown(f"{above}\n\n{table}\n\nBelow", limit)

    assert len(table) > limit or any(table in part.text for part in parts)


@given(st.text(ANY_SIGN, max_size=150).filter(lambda text: text.strip() and "``" not in text and "~~" not in text))
def test_text_that_fits_is_one_part_with_nothing_around_it(text: str) -> None:
    assert split_markdown(text, 400) == [Part(text)]


@pytest.mark.parametrize("text", ["", "\n", "\n\n\n", "   \n  ", "\u3000\r\n" * 500])
def test_nothing_gives_no_message(text: str) -> None:
    assert split_markdown(text, 200) == []


@pytest.mark.parametrize("text", ["\n" * 5_000 + "word", " " * 5_000 + "word", "word" + " " * 5_000])
def test_space_at_the_ends_is_kept_but_not_shown(text: str) -> None:
    [part] = split_markdown(text, 200)

    assert part.text == text
    assert part.shown == "word"


def test_space_between_goes_with_the_word_before_it() -> None:
    parts = split_markdown("one" + " " * 5_000 + "two", 200)

    assert [(part.text.strip(), part.shown) for part in parts] == [("one", "one"), ("two", "two")]


def test_indentation_of_the_first_line_is_shown() -> None:
    assert shown("\n\n    code\n", 200) == ["    code"]


def test_code_goes_on_in_its_language_in_the_next_part() -> None:
    code = "\n".join(f"line_{n} = {n}" for n in range(60))

    parts = split_markdown(f"Before\n\n```python\n{code}\n```\n\nAfter", 400)

    assert len(parts) > 2
    assert all(part.before == "```python\n" for part in parts[1:])
    assert all(part.after == "\n```" for part in parts[:-1])
    assert parts[-1].shown.endswith("\n```\n\nAfter")


def test_tilde_fence_with_backticks_inside_is_one_block() -> None:
    inside = "\n".join(["```", "x" * 100, "```"] * 4)

    parts = shown(f"~~~markdown\n{inside}\n~~~", 300)

    assert len(parts) > 1
    assert all(part.startswith("~~~markdown\n") and part.endswith("\n~~~") for part in parts)


def test_longer_fence_is_opened_again_as_long_as_it_was() -> None:
    inside = "\n".join(["```", "x" * 100, "```"] * 4)

    parts = shown(f"`````\n{inside}\n`````", 300)

    assert len(parts) > 1
    assert all(part.startswith("`````\n") and part.endswith("\n`````") for part in parts)


@pytest.mark.parametrize(
    ("opening", "again", "closing"),
    [
        ("  ```sh", "  ```sh\n", "\n  ```"),
        ("      ```sh", "      ```sh\n", "\n      ```"),
        ("- ```sh", "  ```sh\n", "\n  ```"),
        ("10. ~~~ sh", "    ~~~sh\n", "\n    ~~~"),
    ],
)
def test_fence_in_a_list_keeps_its_indentation(opening: str, again: str, closing: str) -> None:
    code = "      ls -l\n" * 60

    parts = split_markdown(f"- Run:\n\n{opening}\n{code}{closing.strip(chr(10))}\n\nAfter", 300)

    assert len(parts) > 2
    assert {part.before for part in parts[2:]} == {again}
    assert {part.after for part in parts[1:-1]} == {closing}
    assert parts[-1].shown.endswith("After")


def test_fence_in_a_quote_goes_on_in_the_quote() -> None:
    parts = shown("> ```sh\n" + "> ls -l\n" * 60 + "> ```\nAfter", 300)

    assert len(parts) > 1
    assert all(part.startswith("> ```sh\n> ls") for part in parts)
    assert all(part.endswith("> ls -l\n> ```") for part in parts[:-1])


def test_marks_in_indented_code_are_no_fence() -> None:
    assert all(not part.before for part in split_markdown("    ```\n\n" + "word " * 200, 300))


def test_fence_that_the_text_leaves_open_is_closed_in_every_part() -> None:
    parts = shown("```sql\n" + "select 1;\n" * 60, 300)

    assert len(parts) > 1
    assert all(part.startswith("```sql\n") and part.endswith(";\n```") for part in parts)


@pytest.mark.parametrize("closing", ["```", "``````````"])
def test_end_of_a_fence_does_not_stand_in_a_part_of_its_own(closing: str) -> None:
    for lines in range(1, 120):
        assert all("x" in part for part in shown("```\n" + "x = 1\n" * lines + closing, 200))


def test_beginning_of_a_fence_does_not_stand_without_its_code() -> None:
    long_line = "y" * 180
    text = f"x\n\n```sh title=of_the_script.sh\n{long_line}\n{long_line}\n```"

    first, *others = shown(text, 200)

    assert first == "x"
    assert all("y" in part for part in others)


def test_fence_left_open_in_a_text_at_the_limit_is_still_closed_within_it() -> None:
    parts = shown("```\n" + "x = 1\n" * 32 + "y", 200)

    assert all(len(part) <= 200 and part.endswith("\n```") for part in parts)


def test_closing_line_longer_than_any_part_closes_the_code_and_opens_no_other() -> None:
    parts = shown("```\ncode\n" + "`" * 500 + "\nAfter", 200)

    assert all(part.startswith(GUARD) for part in parts[2:])
    assert parts[-1].endswith("\nAfter")


def test_rest_of_a_torn_line_does_not_open_a_fence() -> None:
    parts = split_markdown("x" * 190 + " ```not_a_fence " + "y" * 190, 200)

    assert [part.before for part in parts] == ["", GUARD, ""]


def test_million_backticks_come_in_parts() -> None:
    text = "`" * 1_000_000

    parts = split_markdown(text, 1_900)

    assert "".join(part.text for part in parts) == text
    assert all(len(part.shown) <= 1_900 for part in parts)


def test_fence_that_fits_goes_whole_into_the_next_part() -> None:
    fence = "```\n" + "x = 1\n" * 20 + "```"

    assert shown(f"{'word ' * 30}\n\n{fence}", 200) == [("word " * 30).strip(), fence]


def test_heading_goes_with_what_is_under_it() -> None:
    assert shown(f"{'word ' * 30}\n\n## Title\n\n{'text ' * 20}", 200) == [
        ("word " * 30).strip(),
        f"## Title\n\n{'text ' * 20}".strip(),
    ]


def test_table_that_only_fits_without_its_heading_is_whole() -> None:
    table = table_of([("a" * 24, "b" * 24)] * 3)
    heading = f"## {'Title ' * 5}".strip()

    assert len(table) <= 200 < len(heading) + len(table)
    assert shown(f"{heading}\n\n{table}", 200) == [heading, table]


def test_paragraphs_are_not_torn_where_they_fit() -> None:
    paragraphs = [f"{number} " * 60 for number in range(1, 6)]

    assert shown("\n\n".join(paragraphs), 200) == [paragraph.strip() for paragraph in paragraphs]


def test_long_list_is_cut_between_its_lines() -> None:
    parts = shown("\n".join(f"- item {number} of a list" for number in range(60)), 200)

    assert all(line.endswith("of a list") for part in parts for line in part.split("\n"))


def test_long_table_has_its_header_in_every_part() -> None:
    header = "| Tool | Stores |\n|:--|--:|\n"

    parts = split_markdown(header + "".join(f"| tool {n} | {n} |\n" for n in range(60)) + "\nAfter", 200)

    assert len(parts) > 2
    assert [part.before for part in parts] == ["", *[header] * (len(parts) - 1)]
    assert all(line.startswith("|") and line.endswith("|") for part in parts[:-1] for line in part.shown.split("\n"))
    assert parts[-1].shown.endswith("|\n\nAfter")


def test_table_without_leading_bars_is_a_table_too() -> None:
    header = "Tool | Stores\n--- | ---\n"

    parts = split_markdown(header + "".join(f"tool {n} | {n}\n" for n in range(60)), 200)

    assert {part.before for part in parts[1:]} == {header}


def test_row_longer_than_a_part_is_torn_and_the_rows_after_it_are_a_table_again() -> None:
    header = "| a | b |\n|---|---|\n"

    parts = split_markdown(f"{header}| 1 | 2 |\n| {'word ' * 100} | x |\n| 3 | 4 |\n", 200)

    assert parts[0].shown.startswith(f"{header}| 1 | 2 |\n| word")
    assert parts[-1].shown == f"{header}| 3 | 4 |"
    assert not any(part.before for part in parts[1:-1])


def test_header_too_long_to_be_repeated_is_not() -> None:
    header = f"| {'a' * 150} | b |\n|---|---|\n"

    assert not any(part.before for part in split_markdown(header + "| 1 | 2 |\n" * 60, 200))


def test_bars_inside_code_are_no_table() -> None:
    parts = split_markdown("```\n| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 60 + "```", 200)

    assert {part.before for part in parts[1:]} == {"```\n"}


def test_long_line_is_cut_at_a_space() -> None:
    parts = shown("word " * 200, 300)

    assert all(part.split() == ["word"] * len(part.split()) for part in parts)


def test_address_is_not_torn_where_the_next_part_has_room_for_it() -> None:
    address = "https://example.test/" + "a" * 172

    assert shown(f"See the page {address} " + "word " * 60, 200)[:2] == ["See the page", f"{address} word"]


def test_line_without_a_space_is_cut_where_it_must_be() -> None:
    assert shown("x" * 1_000, 300) == ["x" * 300] * 3 + ["x" * 100]


@pytest.mark.parametrize("cluster", [FAMILY, FLAG, "e\u0301", "\u0e01\u0e33", "\U0001f44d\U0001f3fd", "\u05d0\u05b8"])
def test_line_of_such_characters_is_cut_between_them(cluster: str) -> None:
    parts = shown(cluster * 500, 200)

    assert len(parts) > 1
    assert all(part == cluster * (len(part) // len(cluster)) for part in parts)


def test_space_that_carries_an_accent_is_not_parted_from_it() -> None:
    assert all(not part.startswith("\u0301") for part in shown("word \u0301" * 100, 200))


def test_character_longer_than_a_part_is_cut_in_the_end() -> None:
    text = "a" + "\u0301" * 1_000

    parts = split_markdown(text, 200)

    assert "".join(part.text for part in parts) == text
    assert all(len(part.shown) <= 200 for part in parts)


@pytest.mark.parametrize(
    ("text", "length"), [("abc", 3), ("é", 1), ("漢", 1), ("\U0001f600", 2), (FAMILY, 11), ("\ud83d", 1), ("", 0)]
)
def test_utf16_counts_as_discord_clients_do(text: str, length: int) -> None:
    assert utf16(text) == length


def test_limit_is_kept_in_the_units_of_the_platform() -> None:
    parts = split_markdown("\U0001f600" * 500, 200, utf16)

    assert [utf16(part.shown) for part in parts] == [200] * 5
