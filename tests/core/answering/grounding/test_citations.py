"""What an answer cites, against what was retrieved."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answering.grounding.citations import (
    NEAREST,
    NOT_COVERED_TEXT,
    QUOTE_LENGTH,
    UNCITED_NOTE,
    check_markers,
    conclude,
)
from core.domain.conversation import Answer, Mode, ToolCall
from core.domain.knowledge import Passage
from tests.core.answering.passages import WEAK, passage, passages

CALCULATED = ToolCall("calculate", '{"expression": "6 * 7"}', "42")
SEARCHED = ToolCall("search_mlops_docs", '{"query": "s3"}', "(no passage was found)")


def concluded(text: str, found: list[Passage], *calls: ToolCall) -> Answer:
    return conclude(text, found, calls, mode=Mode.AGENT, model="a model")


def numbers_of(answer: Answer) -> list[int]:
    return [citation.number for citation in answer.citations]


@pytest.mark.parametrize(
    ("text", "checked", "numbers"),
    [
        ("Push it [1].", "Push it [1].", [1]),
        ("Push it [3]. Then label it [1].", "Push it [3]. Then label it [1].", [1, 3]),
        ("Push it[2].", "Push it[2].", [2]),
        ("Push it [1, 2].", "Push it [1][2].", [1, 2]),
        ("Push it [2,1].", "Push it [2][1].", [1, 2]),
        ("Push it [1] [2].", "Push it [1] [2].", [1, 2]),
        ("[1] says to push it.", "[1] says to push it.", [1]),
        ("Twice [1] and again [1].", "Twice [1] and again [1].", [1]),
        ("**Push** [1]\n- one [2]\n- two [3]", "**Push** [1]\n- one [2]\n- two [3]", [1, 2, 3]),
        ("No marker at all.", "No marker at all.", []),
    ],
)
def test_markers_of_real_passages_stay(text: str, checked: str, numbers: list[int]) -> None:
    assert check_markers(text, 3) == (checked, numbers)


@pytest.mark.parametrize(
    ("text", "checked", "numbers"),
    [
        ("Push it [9].", "Push it.", []),
        ("Push it [0].", "Push it.", []),
        ("Push it [4] and label it [1].", "Push it and label it [1].", [1]),
        ("Push it [1, 9].", "Push it [1].", [1]),
        ("Push it [8, 9].", "Push it.", []),
        ("Push it [001].", "Push it [1].", [1]),
        ("[9] says so.", "says so.", []),
        ("Push it\t[9]\nnow.", "Push it\nnow.", []),
    ],
)
def test_markers_that_stand_for_nothing_go(text: str, checked: str, numbers: list[int]) -> None:
    assert check_markers(text, 3) == (checked, numbers)


@pytest.mark.parametrize(
    ("text", "checked", "numbers"),
    [
        ("Push it [2][3].", "Push it [2][3].", [2, 3]),
        ("Push it [1][2][3].", "Push it [1][2][3].", [1, 2, 3]),
        ("Push it [1][9].", "Push it [1].", [1]),
        ("Push it [9][1].", "Push it [1].", [1]),
        ("Push it [1, 2][3].", "Push it [1][2][3].", [1, 2, 3]),
    ],
)
def test_markers_side_by_side_are_all_checked(text: str, checked: str, numbers: list[int]) -> None:
    assert check_markers(text, 3) == (checked, numbers)


@pytest.mark.parametrize(
    ("text", "checked", "numbers"),
    [
        ("As the manual says in [1]: push it.", "As the manual says in [1]: push it.", [1]),
        ("As the manual says in [9]: push it.", "As the manual says in: push it.", []),
    ],
)
def test_a_marker_before_a_colon_is_checked(text: str, checked: str, numbers: list[int]) -> None:
    assert check_markers(text, 3) == (checked, numbers)


@pytest.mark.parametrize(
    "text",
    [
        "```python\nvalues[9] = rows[1, 2]\n```",
        "```\nvalues[9]",
        "~~~\nvalues[9]\n~~~",
        "~~~\nvalues[9]",
        "Take `values[9]` now.",
        "Take `` a `b` [9] `` now.",
        "Read [9](https://example.org/9) first.",
        "Read [the page][nine] first.",
        "A footnote[^9] says so.\n\n[^9]: The footnote.",
        "Read the page.\n\n[9]: https://example.org/9",
        "In [2024] and [1.4] and [a] and [ ] and [] nothing is cited.",
        "- [x] done\n- [ ] open",
    ],
)
def test_brackets_that_cite_nothing_are_left_alone(text: str) -> None:
    assert check_markers(text, 3) == (text, [])


def test_prose_around_code_is_checked_and_code_is_not() -> None:
    text = "First [1] [9].\n\n```bash\necho ${a[9]}\n```\n\nThen `b[7]` [8] and [2].\n\n```\nc[6]"
    checked, numbers = check_markers(text, 3)
    assert checked == "First [1].\n\n```bash\necho ${a[9]}\n```\n\nThen `b[7]` and [2].\n\n```\nc[6]"
    assert numbers == [1, 2]


@given(st.text("[]0123, \n`~(:ab^", max_size=60), st.integers(0, 5))
def test_only_real_numbers_are_ever_reported(text: str, available: int) -> None:
    checked, numbers = check_markers(text, available)
    assert all(1 <= number <= available for number in numbers)
    assert numbers == sorted(set(numbers))
    assert all(re.search(rf"\[{number}\]", checked) for number in numbers)


@given(st.lists(st.integers(0, 12), max_size=12), st.integers(0, 6))
def test_every_marker_that_is_left_was_retrieved(cited: list[int], available: int) -> None:
    text = "".join(f" statement [{number}]" for number in cited)
    checked, numbers = check_markers(text, available)
    assert [int(n) for n in re.findall(r"\[(\d+)\]", checked)] == [n for n in cited if 1 <= n <= available]
    assert set(numbers) == {n for n in cited if 1 <= n <= available}


def test_a_cited_answer_carries_what_backs_it() -> None:
    found = [passage(1), passage(2, text="x" * 2 * QUOTE_LENGTH, heading="Label it")]
    answer = concluded("Label it [2].", found, SEARCHED)
    assert (answer.text, answer.covered, answer.note, answer.model) == ("Label it [2].", True, "", "a model")
    assert answer.tool_calls == (SEARCHED,)
    (citation,) = answer.citations
    assert (citation.number, citation.passage_id, citation.address) == (2, "id-2", found[1].address)
    assert (citation.title, citation.heading_path, citation.score) == ("Page 2", ("Page 2", "Label it"), found[1].score)
    assert citation.label == "Page 2 — Label it"
    assert citation.quote == "x" * QUOTE_LENGTH


def test_invented_sources_are_taken_out_and_the_real_ones_stay() -> None:
    answer = concluded("Push it [7]. Label it [1].", passages(2))
    assert answer.text == "Push it. Label it [1]."
    assert numbers_of(answer) == [1]


@pytest.mark.parametrize(
    "text", ["NOT_COVERED", " NOT_COVERED\n", "NOT_COVERED.", "I must say NOT_COVERED [1]", "", " \n"]
)
def test_what_is_not_covered_names_the_nearest_pages(text: str) -> None:
    found = [passage(n, score=n / 10) for n in range(1, 6)]
    answer = concluded(text, found)
    assert (answer.text, answer.covered, answer.note) == (NOT_COVERED_TEXT, False, "")
    assert [citation.title for citation in answer.citations] == ["Page 5", "Page 4", "Page 3"]
    assert numbers_of(answer) == [1, 2, 3]


def test_the_nearest_pages_are_pages_not_passages() -> None:
    found = [passage(n, score=n / 10, title="One page") for n in range(1, 4)] + [passage(9, score=0.1)]
    answer = concluded("NOT_COVERED", found)
    assert [(citation.title, citation.score) for citation in answer.citations] == [("One page", 0.3), ("Page 9", 0.1)]
    assert len(answer.citations) < NEAREST


def test_not_covered_with_nothing_found_has_no_pages() -> None:
    answer = concluded("Quillstore is a shop.", [])
    assert (answer.text, answer.covered, answer.citations) == (NOT_COVERED_TEXT, False, ())


def test_text_that_nothing_supports_and_cites_nothing_is_not_passed_on() -> None:
    answer = concluded("Wine goes with everything [9].", passages(3, score=WEAK))
    assert (answer.text, answer.covered) == (NOT_COVERED_TEXT, False)


def test_an_uncited_answer_says_so_and_shows_what_the_model_was_given() -> None:
    found = [passage(1, score=WEAK), *[passage(n, score=0.5 + n / 100) for n in range(2, 7)]]
    answer = concluded("Push it.", found)
    assert (answer.text, answer.covered, answer.note) == ("Push it.", True, UNCITED_NOTE)
    assert numbers_of(answer) == [2, 3, 4]


def test_markers_in_code_alone_do_not_count_as_citations() -> None:
    answer = concluded("```python\nrows[1]\n```", passages(2))
    assert answer.note == UNCITED_NOTE


def test_a_calculated_answer_needs_no_citation() -> None:
    answer = concluded("It is 42.", passages(2), CALCULATED)
    assert (answer.text, answer.covered, answer.note, answer.citations) == ("It is 42.", True, "", ())
    assert concluded("It is 42.", passages(2, score=WEAK), CALCULATED).covered
    assert concluded("It is 42.", [], CALCULATED).covered


def test_a_calculated_answer_may_cite() -> None:
    answer = concluded("It is 42 [2].", passages(2), CALCULATED)
    assert numbers_of(answer) == [2]


def test_a_calculation_does_not_cover_what_the_model_gave_up_on() -> None:
    assert not concluded("NOT_COVERED", passages(2), CALCULATED).covered
