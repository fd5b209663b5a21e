"""Reading what members of the crew say, beside CrewAI's own parser."""

import pytest
from crewai.agents.parser import AgentAction, parse
from hypothesis import given
from hypothesis import strategies as st

from core.answering.crew.speech import Act, answer_so_far, read, whole_answer

WORDS = [
    "Thought:",
    "Final Answer:",
    "Action:",
    "Action Input:",
    "\nObservation:",
    "\n",
    " ",
    "look",
    "{}",
    "Call it [1].",
]
speech = st.lists(st.sampled_from(WORDS), max_size=8).map("".join)


def test_an_act_ends_before_the_observation_that_the_model_made_up() -> None:
    said = "Thought: hm\nAction: look\nAction Input: {}"
    assert read(f"{said}\nObservation: made up\nFinal Answer: wrong") == Act(said, "look {}")


def test_the_same_wish_is_the_same_however_it_is_written() -> None:
    first = read('Thought: a\nAction: look\nAction Input: {"query": "S3"}')
    again = read('Thought: b\nAction:  Look\nAction Input:\n{"query":  "s3"}')
    assert isinstance(first, Act)
    assert isinstance(again, Act)
    assert first.wish == again.wish


@pytest.mark.parametrize(
    "answer", ["Say `Final Answer: x` [1].", "Action: a\nAction Input: b\nObservation: c", "plain"]
)
def test_an_answer_keeps_the_words_of_agents_that_it_quotes(answer: str) -> None:
    assert read(f"Thought: done\nFinal Answer: {answer}") == answer


def test_a_reply_in_no_format_is_the_answer() -> None:
    assert read(" Push it [1].\n") == "Push it [1]."


@given(speech)
def test_what_is_taken_for_an_act_is_one_for_crewai_too(text: str) -> None:
    said = read(text)
    if isinstance(said, Act):
        assert isinstance(parse(said.text), AgentAction)
        assert text.startswith(said.text)
    else:
        assert said in text


@given(speech)
def test_what_is_shown_of_an_answer_is_never_taken_back(text: str) -> None:
    shown = ""
    for end in range(len(text) + 1):
        now = answer_so_far(text[:end])
        assert now.startswith(shown)
        shown = now
    assert not shown or whole_answer(text) == shown.strip()


@pytest.mark.parametrize("text", ["Thought: I know\nFinal Answer:  Push it.", "Final Answer: Push it.", "\n Push it."])
def test_a_writer_may_think_aloud_before_its_answer(text: str) -> None:
    assert whole_answer(text) == "Push it."


def test_a_writer_that_only_thinks_aloud_is_shown_in_the_end_alone() -> None:
    text = "Thought: it is pushed [1]."
    assert (answer_so_far(text), whole_answer(text)) == ("", text)
