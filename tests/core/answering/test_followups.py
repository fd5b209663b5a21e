"""What is searched for when a question leans on an earlier one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answering.followups import search_query
from core.domain.conversation import Message

FIRST = "How do I store a model in Quillstore?"


def spoken(*texts: str) -> list[Message]:
    """A transcript: questions at even places, answers at odd ones."""
    roles = ["user", "assistant"] * len(texts)
    return [Message(str(n), roles[n], text, datetime.now(UTC)) for n, text in enumerate(texts)]


@pytest.mark.parametrize("question", [FIRST, "and on S3?", "why?", ""])
def test_the_first_question_is_searched_as_it_stands(question: str) -> None:
    assert search_query(question, []) == question


@pytest.mark.parametrize(
    "question",
    [
        "and on S3?",
        "And how do I store a model on S3 buckets?",
        "on S3?",
        "Why?",
        "What about a bucket in another region?",
        "How do I roll it back to an earlier version?",
        "Where do these labels come from in general?",
        "Then how is it found again later?",
    ],
)
def test_a_leaning_question_is_searched_behind_the_one_it_leans_on(question: str) -> None:
    assert search_query(question, spoken(FIRST, "Call `quill push` [1].")) == f"{FIRST} {question}"


@pytest.mark.parametrize(
    "question",
    [
        "How is the drift threshold of Gaugeworks set?",
        "Which states does a Drumline job have?",
        "Show me Android items",
    ],
)
def test_a_question_of_its_own_is_searched_alone(question: str) -> None:
    assert search_query(question, spoken(FIRST, "Call `quill push` [1].")) == question


def test_leaning_questions_in_a_row_lean_on_the_last_that_stood_alone() -> None:
    other = "How is the drift threshold of Gaugeworks set?"
    transcript = spoken(FIRST, "So [1].", other, "So [2].", "and below 0.1?", "Stable [2].")
    assert search_query("and above?", transcript) == f"{other} and above?"


def test_when_no_question_stood_alone_the_first_is_leaned_on() -> None:
    assert search_query("and now?", spoken("hello there", "Hello.", "why?", "Because.")) == "hello there and now?"


def test_answers_are_not_leaned_on() -> None:
    transcript = spoken(FIRST, "The assistant talks about Gaugeworks thresholds at great length here.")
    assert search_query("why?", transcript) == f"{FIRST} why?"


@given(st.text(max_size=80), st.lists(st.text(max_size=40), max_size=6))
def test_the_question_itself_is_always_searched(question: str, texts: list[str]) -> None:
    query = search_query(question, spoken(*texts))
    assert query == question or any(query == f"{text} {question}" for text in texts[::2])
