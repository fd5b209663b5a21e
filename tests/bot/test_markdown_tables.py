import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.markdown_blocks import Kind, blocks
from bot.markdown_tables import display_width, table_of, tables_as_columns_or_lists

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
CELL = st.text(st.sampled_from("abc 12\u05d0\u0645漢é\U0001f600"), max_size=30).map(str.strip)
ROWS = st.integers(1, 5).flatmap(
    lambda columns: st.lists(st.lists(CELL, min_size=columns, max_size=columns), min_size=1, max_size=8)
)
LINE = st.one_of(
    st.text(max_size=40),
    st.text("ab |`~-:>#\\*[]()<br>", max_size=40),
    st.sampled_from(["", "| a | b |", "|---|---|", "|:-:|--:|", "```", "~~~", "- a", "a | b", "--|--", "w" * 80]),
)
MARKDOWN = st.lists(LINE, max_size=30).map("\n".join)


def table(rows: list[list[str]], delimiter: str = "---") -> str:
    header, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([header, f"|{'|'.join([delimiter] * len(rows[0]))}|", *body])


def words(text: str) -> str:
    return "".join(sign for sign in text if sign.isalnum())


@given(MARKDOWN)
def test_text_without_a_table_stays_as_it_is_and_a_table_is_not_left(text: str) -> None:
    written = tables_as_columns_or_lists(text)

    if all(block.kind is not Kind.TABLE for block in blocks(text)):
        assert written == text
    else:
        assert all(block.kind is not Kind.TABLE for block in blocks(written))


@given(MARKDOWN)
def test_what_is_no_table_is_kept(text: str) -> None:
    written = tables_as_columns_or_lists(text)

    assert all(block.text in written for block in blocks(text) if block.kind is not Kind.TABLE)


@given(ROWS, st.sampled_from(["---", ":--", "--:", ":-:"]))
def test_narrow_table_is_in_columns_that_stand_below_each_other(rows: list[list[str]], delimiter: str) -> None:
    opening, *lines, closing = tables_as_columns_or_lists(table(rows, delimiter), 10_000).split("\n")

    assert opening == closing == "```"
    widths = [max(display_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row, line in zip(rows, lines, strict=True):
        assert words(line) == words("".join(row))
        assert display_width(line) <= sum(widths) + 2 * (len(widths) - 1)
        for column, cell in enumerate(row):
            before = sum(widths[:column]) + 2 * column
            room = widths[column] - display_width(cell) if delimiter == "--:" else 0
            assert not cell or _from_column(line, before + room).startswith(cell)


def _from_column(line: str, column: int) -> str:
    return next(line[at:] for at in range(len(line) + 1) if display_width(line[:at]) == column)


@given(ROWS.filter(lambda rows: len(rows) > 1))
def test_wide_table_is_a_list_that_says_every_cell(rows: list[list[str]]) -> None:
    header, *body = rows
    bullets = tables_as_columns_or_lists(table([["w" * 80, *header[1:]], *body])).split("\n- ")

    assert len(bullets) == len(body)
    for bullet, row in zip(bullets, body, strict=True):
        assert all(cell in bullet for cell in row)


@given(ROWS)
def test_table_in_a_fence_stays_as_it_is(rows: list[list[str]]) -> None:
    text = f"~~~\n{table(rows)}\n~~~"

    assert tables_as_columns_or_lists(text) == text


def test_narrow_table_becomes_aligned_columns() -> None:
    text = "Compare:\n| Tool | Stores | Stars |\n|---|:-:|--:|\n| `DVC` | **anything** | 12 |\nDone."

    assert tables_as_columns_or_lists(text).splitlines() == [
        "Compare:",
        "```",
        "Tool  Stores    Stars",
        "DVC   anything     12",
        "```",
        "Done.",
    ]


def test_wide_table_becomes_a_list_with_blank_lines_around_it() -> None:
    data = ("data " * 12).strip()
    rows = f"| DVC | {data} | 12 |\n| `lakeFS` | | 3 |"
    text = f"Compare:\n| Tool | Stores | **Stars** |\n|---|---|---|\n{rows}\nDone."

    assert tables_as_columns_or_lists(text).splitlines() == [
        "Compare:",
        "",
        "- **DVC**",
        f"  - Stores: {data}",
        "  - Stars: 12",
        "- **`lakeFS`**",
        "  - Stars: 3",
        "",
        "Done.",
    ]


def test_width_decides() -> None:
    text = table([["a" * 10, "b" * 10], ["1", "2"]])

    assert tables_as_columns_or_lists(text, 22).startswith("```\n")
    assert tables_as_columns_or_lists(text, 21).startswith("- **1**\n")


def test_links_are_kept_in_a_list() -> None:
    assert tables_as_columns_or_lists("| a | b |\n|---|---|\n| x | [DVC](https://dvc.test) |") == (
        "- **x**\n  - b: [DVC](https://dvc.test)"
    )


@pytest.mark.parametrize(
    ("row", "columns", "bullets"),
    [
        ("| a \\| b | c |", "a | b  c", "- **a \\| b**\n  - B: c"),
        ("| `a|b` | c |", "a|b  c", "- **`a|b`**\n  - B: c"),
        ("| `a\\|b` | c |", "a|b  c", "- **`a|b`**\n  - B: c"),
        ("| **a** | `2**3` |", "a  2**3", "- **a**\n  - B: `2**3`"),
        ("| a | b<br/>c |", "a  b c", "- **a**\n  - B: b c"),
        ("| a |", "a", "- **a**"),
        ("| a | b | c |", "a  b  c", "- **a**\n  - B: b\n  - c"),
        ("| | b |", "   b", "- B: b"),
        ("a | b", "a  b", "- **a**\n  - B: b"),
        ("| C:\\ | b |", "C:\\  b", "- C:\\\n  - B: b"),
    ],
)
def test_cells_of_every_kind(row: str, columns: str, bullets: str) -> None:
    text = f"| A | B |\n|---|---|\n{row}"

    assert " ".join(tables_as_columns_or_lists(text).split("\n")[2].split()) == " ".join(columns.split())
    assert tables_as_columns_or_lists(text, 1) == bullets


def test_wide_characters_and_emoji_take_two_columns() -> None:
    text = table([["a", "b"], ["漢字", "1"], [FAMILY, "2"], ["e\u0301", "3"]])

    assert tables_as_columns_or_lists(text).split("\n")[1:-1] == [
        "a     b",
        "漢字  1",
        f"{FAMILY}    2",
        "e\u0301     3",
    ]


@pytest.mark.parametrize(
    ("text", "width"),
    [("abc", 3), ("漢", 2), (FAMILY, 2), ("\U0001f1e9\U0001f1ea", 2), ("❤\ufe0f", 2), ("e\u0301", 1), ("\u200b", 0)],
)
def test_display_width(text: str, width: int) -> None:
    assert display_width(text) == width


def test_marks_of_a_fence_in_a_cell_do_not_end_the_code_block() -> None:
    assert tables_as_columns_or_lists("| a | b |\n|---|---|\n| 1 | ``` |") == "- **1**\n  - b: ```"


def test_wide_header_without_rows_is_a_list_of_its_cells() -> None:
    assert tables_as_columns_or_lists(f"| a | {'b' * 80} |\n|---|---|\n") == f"- a\n- {'b' * 80}\n"


def test_table_in_a_list_keeps_its_indentation() -> None:
    assert tables_as_columns_or_lists("- Tools:\n\n  | a | b |\n  |---|---|\n  | 1 | 2 |\n") == (
        "- Tools:\n\n  ```\n  a  b\n  1  2\n  ```\n"
    )


def test_windows_line_ends_are_no_part_of_the_cells() -> None:
    assert tables_as_columns_or_lists("| a | b |\r\n|---|---|\r\n| 1 | 2 |\r\n\r\nDone.") == (
        "```\na  b\n1  2\n```\n\r\nDone."
    )


def test_table_is_read_with_its_alignment() -> None:
    [block] = blocks("a | b | c\n:-- | --: | :-:\n1 | 2")
    read = table_of(block)

    assert (read.headers, read.to_the_right, read.rows) == (("a", "b", "c"), (False, True, False), (("1", "2"),))
