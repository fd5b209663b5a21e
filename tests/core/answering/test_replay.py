"""A question that is answered again: what is compared, and that nothing of it is stored."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from core.answering.replay import Difference, compare
from core.bootstrap import Services, open_services
from core.domain.conversation import Answer, Memory, ModelCall, Told, Trace
from core.errors import UnknownTurn
from core.settings import Settings
from tests.core.answering.asking import COVERED, ask, history, last_text, question, roles
from tests.core.answering.passages import passages
from tests.emulators.language_model import ScriptedModel, Text

PUSH, AGAIN = "Call `quill push` [1].", "To store a model, call `quill push` [1]."

TRACE = Trace(
    query="push",
    index_version="0197-aaaaaaaa",
    index_revision=1,
    passages=tuple(passages(2)),
    calls=(ModelCall("agent.v1", "http://model", "small"),),
    parameters={"temperature": 0.2, "rounds": 1},
)
TOLD = Told("m1", question(), Memory(), Answer("One.\nTwo [1].\nThree.", model="small", trace=TRACE))


def differences(answer: Answer) -> dict[str, tuple[str, str]]:
    return {found.what: (found.then, found.now) for found in compare(TOLD, answer).differences}


def test_the_same_answer_differs_in_nothing() -> None:
    replay = compare(TOLD, TOLD.answer)
    assert (replay.differences, replay.text) == ((), ())


@pytest.mark.parametrize(
    ("changed", "what", "then", "now"),
    [
        (replace(TRACE, index_revision=2), "index", "aaaaaaaa, revision 1", "aaaaaaaa, revision 2"),
        (replace(TRACE, query="push a model"), "searched for", "push", "push a model"),
        (replace(TRACE, calls=(ModelCall("agent.v2", "http://model", "small"),)), "prompts", "agent.v1", "agent.v2"),
        (replace(TRACE, parameters={"temperature": 0.7, "rounds": 1}), "temperature", "0.2", "0.7"),
        (replace(TRACE, parameters={"temperature": 0.2, "rounds": 1, "steps": 5}), "steps", "-", "5"),
    ],
)
def test_what_led_to_an_answer_is_compared(changed: Trace, what: str, then: str, now: str) -> None:
    assert differences(replace(TOLD.answer, trace=changed)) == {what: (then, now)}


def test_passages_are_compared_with_their_ranks_and_scores() -> None:
    changed = replace(TRACE, passages=tuple(passages(1)))
    then, now = differences(replace(TOLD.answer, trace=changed))["passages"]
    assert then.splitlines()[:1] == now.splitlines() == ["1. 0.80 Page 1 [id-1]"]
    assert len(then.splitlines()) == 2


def test_texts_are_compared_line_by_line() -> None:
    replay = compare(TOLD, replace(TOLD.answer, text="One.\nTwo and a half [1].\nThree."))
    assert replay.text[3:] == (" One.", "-Two [1].", "+Two and a half [1].", " Three.")
    assert replay.differences == ()


def test_another_model_is_told() -> None:
    replay = compare(TOLD, replace(TOLD.answer, model="large", covered=False))
    assert replay.differences == (Difference("model", "small", "large"), Difference("covered", "yes", "no"))


async def test_an_answer_is_made_again_from_the_same_conversation(room: Services, model: ScriptedModel) -> None:
    model.script(Text(PUSH), Text(AGAIN), Text(PUSH))
    await ask(room)
    told = (await ask(room, "And how do I store a model in it?")).answer
    before = await history(room)
    replay = await room.replayer.replay(told.message_id)
    assert (replay.told.answer.text, replay.answer.text) == (AGAIN, PUSH)
    assert replay.differences == ()
    assert "-" + AGAIN in replay.text
    assert await history(room) == before
    assert [roles(request) for request in model.requests[1:]] == [["system", "user", "assistant", "user"]] * 2
    assert last_text(model.requests[1]) == last_text(model.requests[2])


async def test_an_answer_is_made_again_with_another_model(
    room: Services, make_settings: Callable[..., Settings], model: ScriptedModel
) -> None:
    model.respond_with(lambda _: Text(PUSH))
    told = (await ask(room, COVERED)).answer
    async with open_services(make_settings(llm_base_url=model.base_url, llm_model="another-model")) as later:
        replay = await later.replayer.replay(told.message_id[-8:])
    assert replay.differences == (Difference("model", "scripted-model", "another-model"),)


async def test_an_answer_that_is_not_there_is_told(room: Services) -> None:
    with pytest.raises(UnknownTurn, match="no single answer"):
        await room.replayer.replay("0123abcd")
