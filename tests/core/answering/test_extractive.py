"""The model that needs no key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage

from core.answering.language_models.extractive import (
    NAME,
    NONE_SET_UP,
    ExtractiveModel,
    extract,
    opening,
    research_notes,
)
from core.answering.language_models.model import Reply
from core.answering.prompts import NOT_COVERED, framed_passages, framed_question
from core.domain.knowledge import Passage
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE
from tests.core.answering.language_models.asking import said
from tests.core.answering.passages import WEAK, passage


def asked(question: str, *found: Passage) -> str:
    return f"{framed_passages(list(found))}\n\n{framed_question(question)}"


def test_the_best_passage_about_the_question_is_quoted_with_its_number_and_it_says_that_it_quotes() -> None:
    text = extract(asked("Why?", passage(1, score=WEAK), passage(2, score=0.9), passage(3, score=0.95)))
    assert text == f"{opening(NONE_SET_UP)}\n\n**Page 2 — Part 2** [2]\n\nText of passage 2."


def test_the_next_passage_is_quoted_too_when_it_brings_the_example() -> None:
    example, other = "```bash\nquill push churn\n```", "```bash\nquill label churn\n```"
    found = (passage(1, score=0.9), passage(2), passage(3, score=0.6, text=example), passage(4, text=other))
    text = extract(asked("Why?", *found))
    assert text.index("[1]") < text.index("[3]")
    assert example in text
    assert "[2]" not in text
    assert other not in text


def test_an_example_is_not_brought_when_the_best_passage_has_one() -> None:
    example = "```bash\nquill push churn\n```"
    assert "[2]" not in extract(asked("Why?", passage(1, text=example), passage(2, text=example)))


def test_an_example_that_is_not_about_the_question_is_left_out() -> None:
    example = passage(2, score=WEAK, text="```bash\nquill push churn\n```")
    assert "[2]" not in extract(asked("Why?", passage(1, score=0.9), example))


@pytest.mark.parametrize("found", [[], [passage(1, score=WEAK)], [passage(1, score=-0.3), passage(2, score=0.42)]])
def test_nothing_about_the_question_is_not_covered(found: list[Passage]) -> None:
    assert extract(asked("Which wine goes with octopus?", *found)) == NOT_COVERED


def test_a_passage_at_the_threshold_supports() -> None:
    assert "[1]" in extract(asked("Why?", passage(1, score=SUPPORTING_SCORE)))


def test_text_that_frames_nothing_is_not_covered() -> None:
    assert extract("What is Quillstore?") == NOT_COVERED


async def test_it_quotes_what_was_found_for_the_last_question_alone() -> None:
    earlier = HumanMessage(asked("Why?", passage(1, text="Earlier text.")))
    messages: list[AnyMessage] = [
        SystemMessage("Be brief."),
        earlier,
        AIMessage("So."),
        HumanMessage(asked("Why?", passage(2))),
    ]
    told = await said(ExtractiveModel(), messages)
    assert "Text of passage 2." in told.reply.text
    assert "Earlier" not in told.reply.text
    assert (told.reply.tools, told.reply.call.model, told.reply.note) == ((), NAME, "")


async def test_it_quotes_what_tools_have_found_too() -> None:
    found = ToolMessage(framed_passages([passage(2)], first=4), tool_call_id="a")
    told = await said(ExtractiveModel(), [HumanMessage(asked("Why?", passage(1, score=WEAK))), AIMessage(""), found])
    assert "**Page 2 — Part 2** [4]" in told.reply.text


@pytest.mark.parametrize("reason", ["The budget of today is spent", "The budget of today is spent."])
async def test_it_says_why_it_quotes(reason: str) -> None:
    told = await said(ExtractiveModel(reason), [HumanMessage(asked("Why?", passage(1)))])
    assert told.shown.startswith("The budget of today is spent, so this is quoted from the knowledge base:\n\n**Page 1")


async def test_reason_is_told_too_when_there_is_nothing_to_quote() -> None:
    told = await said(ExtractiveModel("The budget of today is spent"), [HumanMessage(asked("Why?"))])
    assert (told.reply.text, told.reply.note) == (NOT_COVERED, "The budget of today is spent.")


async def test_for_the_researcher_it_hands_on_the_passages_as_they_are() -> None:
    messages = [HumanMessage(asked("Why?", passage(1), passage(2, score=WEAK)))]
    stream = ExtractiveModel().stream(messages, prompt="researcher.v1")
    *_, reply = [piece async for piece in stream]
    assert isinstance(reply, Reply)
    assert reply.text == research_notes(str(messages[0].text)) == framed_passages([passage(1), passage(2, score=WEAK)])


PARAGRAPHS = st.lists(st.text(max_size=30), max_size=5).map("\n".join)


@given(PARAGRAPHS)
async def test_streamed_pieces_join_to_the_whole(text: str) -> None:
    told = await said(ExtractiveModel(), [HumanMessage(asked("Why?", passage(1, text=text or "x")))])
    assert told.shown == told.reply.text


async def test_a_long_quote_comes_in_several_pieces() -> None:
    told = await said(ExtractiveModel(), [HumanMessage(asked("Why?", passage(1, text="one\n\ntwo\n\nthree")))])
    assert len(told.deltas) > 3
