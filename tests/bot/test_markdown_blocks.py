import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.markdown_blocks import Kind, blocks, cells, inline_code

LINE = st.one_of(
    st.text("ab |`~-:>#\\1.\t", max_size=12),
    st.sampled_from(["", "| a | b |", "|---|---|", "```", "~~~ sh", "- ```", "> ~~~", "# a", "a | b", "-|-"]),
)


def kinds(text: str) -> list[Kind]:
    return [block.kind for block in blocks(text)]


@given(st.one_of(st.text(), st.lists(LINE, max_size=30).map("\n".join)))
def test_blocks_joined_are_the_text(text: str) -> None:
    assert "".join(block.text for block in blocks(text)) == text


def test_blank_lines_belong_to_the_block_above() -> None:
    assert [block.text for block in blocks("a\nb\n\n\n# c\n\nd\n")] == ["a\nb\n\n\n", "# c\n\n", "d\n"]


def test_fence_table_and_heading_need_no_blank_lines_around_them() -> None:
    text = "a\n```\n# x\n```\n# b\n| c | d |\n|---|---|\n| 1 | 2 |\ne"

    assert kinds(text) == [Kind.TEXT, Kind.FENCE, Kind.HEADING, Kind.TABLE, Kind.TEXT]


@pytest.mark.parametrize(
    "text",
    [
        "a\n---",
        "| a | b |",
        "| a | b |\n|---|",
        "a \\| b\n--- | ---",
        "| a |\n\n|---|",
        "- a | b\n--- | ---",
        "    | a | b |\n    |---|---|",
        "| a | b |\n| x | --- |",
    ],
)
def test_these_are_no_tables(text: str) -> None:
    assert Kind.TABLE not in kinds(text)


@pytest.mark.parametrize("text", ["```a`b", "``", "`" * 17, "    ```", "x ```"])
def test_these_open_no_fence(text: str) -> None:
    assert Kind.FENCE not in kinds(text)


@pytest.mark.parametrize("line", ["``", "~~~", "``` x", "    ```"])
def test_these_do_not_close_a_fence(line: str) -> None:
    [block] = blocks(f"```\n{line}\nrest")

    assert block.end is None


@pytest.mark.parametrize("line", ["```", "`````", "   ```  "])
def test_these_close_a_fence(line: str) -> None:
    assert blocks(f"```\ncode\n{line}\nrest")[0].end == 2


def test_fence_in_a_quote_ends_with_the_quote() -> None:
    assert kinds("> ```\n> a\nb") == [Kind.FENCE, Kind.TEXT]


def test_list_ends_at_a_line_at_the_margin_and_then_deep_marks_are_no_fence() -> None:
    assert kinds("- a\n\n      ```\n      b\n      ```\n") == [Kind.TEXT, Kind.FENCE]
    assert kinds("- a\n\nb\n\n      ```\n      b\n") == [Kind.TEXT, Kind.TEXT, Kind.TEXT]


@pytest.mark.parametrize(
    ("row", "read"),
    [
        ("| a | b |", ["a", "b"]),
        ("a|b", ["a", "b"]),
        ("| a \\| b | c |", ["a \\| b", "c"]),
        ("| `a|b` | c |", ["`a|b`", "c"]),
        ("| ``a`|b`` | c |", ["``a`|b``", "c"]),
        ("| `a | b |", ["`a", "b"]),
        ("| \\` | ` |", ["\\`", "`"]),
        ("||x|", ["", "x"]),
        ("| `a|b` |", ["`a|b`"]),
    ],
)
def test_cells(row: str, read: list[str]) -> None:
    assert cells(row) == read


def test_bar_between_two_backticks_parts_cells_if_the_table_has_as_many_columns() -> None:
    assert cells("| ` | ` |", 2) == ["`", "`"]


def test_inline_code_ends_at_as_many_backticks() -> None:
    text = "a `b` ``c ` d`` ` e"

    assert [text[start:end] for start, end in inline_code(text)] == ["`b`", "``c ` d``"]
