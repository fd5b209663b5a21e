"""What a model thinks is not shown, however it comes; what it says about thinking is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answering.language_models.thinking import HELD_BACK, Spoken
from tests.core.answering.language_models.asking import endpoint, said
from tests.emulators.language_model import Deltas, ScriptedModel, Text

ANSWER = "Call `quill push` [1]."


def heard(text: str, size: int, *, aloud: bool = False) -> list[str]:
    """The pieces that are shown of a text that comes in pieces of `size`."""
    spoken = Spoken(aloud=aloud)
    pieces = [spoken.feed(text[start : start + size]) for start in range(0, len(text), size)]
    return [*pieces, spoken.finish()]


CASES = [
    (f"<think>The user asks.</think>{ANSWER}", ANSWER),
    (f"<thinking>\nLong.\n\nThoughts.\n</thinking>{ANSWER}", ANSWER),
    (f"<reasoning>x < y, a `tick`, ```fence</reasoning>{ANSWER}", ANSWER),
    (f"<THINK>shouting</THINK>{ANSWER}", ANSWER),
    (f"<think></think>{ANSWER}", ANSWER),
    ("One.<think>two</think> Three.", "One. Three."),
    ("<think>never closed " * 3, ""),
    ("Said.<think>never closed", "Said."),
    ("<think>closed</thin", ""),
    (f"<think>Okay, so</think>Okay, so: {ANSWER}", f"Okay, so: {ANSWER}"),
    ("Write `<think>` before it.", "Write `<think>` before it."),
    ("Write ``<think>`` and `</think>`.", "Write ``<think>`` and `</think>`."),
    ("```xml\n<think>\nkept\n</think>\n```\nDone.", "```xml\n<think>\nkept\n</think>\n```\nDone."),
    ("~~~\n</think>\n~~~\n<think>gone</think>", "~~~\n</think>\n~~~\n"),
    ("````\n```\n<think>\n```\n````\nAfter.", "````\n```\n<think>\n```\n````\nAfter."),
    ("A lone ` tick\n<think>gone</think>shown", "A lone ` tick\nshown"),
    ("a < b and <thing> and </b> <", "a < b and <thing> and </b> <"),
    ("<thinker>shown</thinker>", "<thinker>shown</thinker>"),
    ("Okay, so I need to look.\n</think>\nAnswer.", "\nAnswer."),
    ("The user wants to store.</think>Answer.", "Answer."),
    ("Okay, that is all.", "Okay, that is all."),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_thinking_goes_and_the_rest_stays_however_it_is_split(text: str, expected: str, size: int) -> None:
    assert "".join(heard(text, size)) == expected


@pytest.mark.parametrize("size", [1, 5])
def test_plain_text_is_not_held_back(size: int) -> None:
    text = "Call quill push with the name."
    assert heard(text, size)[:-1] == [text[start : start + size] for start in range(0, len(text), size)]


def test_text_that_begins_like_thinking_is_held_back_so_far_and_no_further() -> None:
    text = "Okay, " + "word " * HELD_BACK
    pieces = heard(text, 100)
    assert "".join(pieces) == text
    assert not any(pieces[: HELD_BACK // 100 - 1])
    assert any(pieces[:-1])


def test_model_known_to_think_aloud_is_held_back_until_its_tag_or_the_end() -> None:
    assert "".join(heard("A long thought, `open\n```\n</think>Answer.", 4, aloud=True)) == "Answer."
    assert heard("No thought this time.", 4, aloud=True) == [*[""] * 6, "No thought this time."]
    assert heard("<think>a</think>Streams.", 24, aloud=True)[0] == "Streams."


def test_thinking_that_was_shown_is_taken_back() -> None:
    spoken = Spoken()
    assert spoken.feed("Well, ") == "Well, "
    assert (spoken.feed("hm </think>Answer."), spoken.taken_back, spoken.thought_aloud) == ("Answer.", 1, True)


def test_closing_tag_of_a_nested_block_is_no_sign_of_thinking_aloud() -> None:
    spoken = Spoken()
    shown = spoken.feed("<think>a <think>b</think> c</think>Answer.")
    assert (shown, spoken.taken_back, spoken.thought_aloud) == ("Answer.", 1, False)


@given(st.text(alphabet="<think>/` \nab~"), st.integers(1, 9))
def test_how_a_text_is_split_changes_nothing(text: str, size: int) -> None:
    whole, split = Spoken(), Spoken()
    at_once = whole.feed(text) + whole.finish()
    pieces = [split.feed(text[start : start + size]) for start in range(0, len(text), size)] + [split.finish()]
    if not whole.taken_back:
        assert "".join(pieces) == at_once


@given(st.text().filter(lambda text: "<" not in text), st.integers(1, 9))
def test_text_without_tags_is_shown_as_it_is(text: str, size: int) -> None:
    assert "".join(heard(text, size)) == text


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
async def test_thinking_in_a_field_of_its_own_is_not_shown(model: ScriptedModel, field: str) -> None:
    model.script(Deltas([{"role": "assistant", "content": "", field: "Hm."}, {field: " So."}, {"content": ANSWER}]))
    told = await said(endpoint(model))
    assert told.shown == told.reply.text == ANSWER
    assert told.reply.call.tokens_out > len(ANSWER) // 4


async def test_thinking_aloud_is_remembered_of_an_endpoint(model: ScriptedModel) -> None:
    model.script(Text(f"First things first.</think>\n\n{ANSWER}"), Text(f"Again some thought.</think>{ANSWER}"))
    asked = endpoint(model)
    first, second = await said(asked), await said(asked)
    assert first.reply.text == ANSWER  # what was shown of the thought is taken back by the reply
    assert second.shown == second.reply.text == ANSWER
