"""The model that needs no key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage, SystemMessage

from core.answering.extractive import OPENING, ExtractiveModel, extract
from core.answering.prompts import NOT_COVERED, framed_passages, framed_question
from core.domain.knowledge import Passage
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE
from tests.core.answering.passages import WEAK, passage


def asked(question: str, *found: Passage) -> str:
    return f"{framed_passages(list(found))}\n\n{framed_question(question)}"


def test_the_best_passage_about_the_question_is_quoted_with_its_number_and_it_says_that_it_quotes() -> None:
    text = extract(asked("Why?", passage(1, score=WEAK), passage(2, score=0.9), passage(3, score=0.95)))
    assert text == f"{OPENING}\n\n**Page 2 — Part 2** [2]\n\nText of passage 2."


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


def test_it_answers_the_last_message_and_has_no_use_for_tools() -> None:
    model = ExtractiveModel()
    assert model.bind_tools([dict]) is model
    earlier = HumanMessage(asked("Why?", passage(1, text="Earlier text.")))
    reply = model.invoke([SystemMessage("Be brief."), earlier, HumanMessage(asked("Why?", passage(2)))])
    assert "Text of passage 2." in str(reply.text)
    assert "Earlier" not in str(reply.text)


PARAGRAPHS = st.lists(st.text(max_size=30), max_size=5).map("\n".join)


@given(PARAGRAPHS)
async def test_streamed_pieces_join_to_the_whole(text: str) -> None:
    model, messages = ExtractiveModel(), [HumanMessage(asked("Why?", passage(1, text=text or "x")))]
    whole = str(model.invoke(messages).text)
    assert "".join([str(chunk.text) async for chunk in model.astream(messages)]) == whole
    assert "".join(str(chunk.text) for chunk in model.stream(messages)) == whole


async def test_a_long_quote_comes_in_several_pieces() -> None:
    messages = [HumanMessage(asked("Why?", passage(1, text="one\n\ntwo\n\nthree")))]
    pieces = [str(chunk.text) async for chunk in ExtractiveModel().astream(messages)]
    assert len(pieces) > 3
