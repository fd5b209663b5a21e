"""A language model that refuses, breaks or falls silent: the sentence for the asker, the history, the next question."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from core.bootstrap import Services
from core.domain.conversation import Mode, Status
from core.domain.events import AnswerEvent, TextDelta
from core.errors import ModelError
from tests.core.answering.asking import COVERED, ask, history, question
from tests.core.answering.speaking_model import BrokenStream, KeptAlive
from tests.emulators.language_model import Cut, Failure, Hang, Reply, ScriptedModel, Text

Room = Callable[..., Awaitable[Services]]

PUSH = "Call `quill push` [1]."
REACH = "The language model cannot be reached right now"
SLOW = "The language model took too long to answer"
BROKE = "The language model stopped in the middle of its answer"

GUARD = 15
"""Seconds after which a test gives up on an answer that should have been given up long before."""


def error(status: int, message: str) -> Failure:
    return Failure(status, {"error": {"message": message, "type": "error"}})


async def expect_quote(room: Services, said: str, mode: Mode = Mode.AGENT) -> str:
    """Asks; the best passage must be quoted, with the failure as its reason, and stored as any answer is."""
    async with asyncio.timeout(GUARD):
        turn = await ask(room, COVERED, mode=mode)
    assert turn.answer.text.startswith(f"{said}, so this is quoted from the knowledge base:")
    assert turn.answer.covered
    assert turn.answer.model == "extractive"
    assert turn.answer.citations[0].title == "Store models with Quillstore"
    assert [message.status for message in await history(room)] == [Status.DELIVERED, Status.DELIVERED]
    return turn.answer.text


async def expect_break(room: Services) -> None:
    """Asks; the failure must be told and stored, and nothing else stored with it."""
    with pytest.raises(ModelError, match=BROKE):
        async with asyncio.timeout(GUARD):
            await ask(room, COVERED)
    assert [(message.role, message.status) for message in await history(room)] == [("user", Status.FAILED)]


async def expect_answer(room: Services, model: ScriptedModel) -> None:
    """The next question of the same session is answered."""
    model.script(Text(PUSH))
    async with asyncio.timeout(GUARD):
        turn = await ask(room, COVERED)
    assert turn.answer.text == PUSH
    assert [message.status for message in await history(room)][-2:] == [Status.DELIVERED, Status.DELIVERED]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (error(413, "too long"), "The language model did not accept the question"),
        (error(429, "slow down"), "The language model is receiving too many questions"),
        (error(500, "broken"), "The language model is down right now"),
        (Failure(502, "<html>Bad Gateway</html>"), "The language model is down right now"),
        (error(503, "overloaded"), "The language model is down right now"),
        (Hang(), SLOW),
        (Cut(), REACH),
        (Failure(200, "data: [DONE]\n\n"), "The language model gave an empty answer"),
        (Failure(200, "<html>Welcome to the web page of some model server</html>"), BROKE),
    ],
)
async def test_failure_before_a_word_was_shown_is_quoted_for_and_the_next_question_works(
    open_room: Room, model: ScriptedModel, reply: Reply, said: str
) -> None:
    room = await open_room(llm_timeout=0.5)
    model.script(reply)
    await expect_quote(room, said)
    assert len(model.requests) == 1
    await expect_answer(room, model)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (error(401, "bad key sk-secret"), "The language model refused our key"),
        (error(402, "insufficient credits"), "The account of the language model has no credit left"),
        (error(403, "not for you"), "The language model refused our key"),
        (error(404, "no such model"), "The endpoint does not know the model"),
    ],
)
async def test_refusal_is_quoted_for_and_the_endpoint_is_left_alone(
    room: Services, model: ScriptedModel, reply: Reply, said: str
) -> None:
    model.script(reply)
    text = await expect_quote(room, said)
    assert "secret" not in text
    again = await ask(room, COVERED)
    assert again.answer.text == text
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [Hang(after="Call `quill"), KeptAlive("Call `quill"), Cut(after="Call `quill"), BrokenStream("Call `quill")],
)
async def test_break_in_the_middle_has_its_sentence_and_the_next_question_works(
    open_room: Room, model: ScriptedModel, reply: Reply
) -> None:
    room = await open_room(llm_token_timeout=0.5)
    model.script(reply)
    await expect_break(room)
    assert len(model.requests) == 1
    await expect_answer(room, model)


async def test_an_endpoint_that_is_not_there_is_named_in_the_log_alone(
    open_room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    async with ScriptedModel() as gone:
        address = gone.base_url
    room = await open_room(llm_base_url=address)
    assert "127.0.0.1" not in await expect_quote(room, REACH)
    assert "127.0.0.1" in caplog.text


async def test_a_wrong_key_is_refused_and_never_told(open_room: Room, caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedModel(api_key="right") as model:
        room = await open_room(llm_base_url=model.base_url, llm_api_key="sk-wrong-key")
        text = await expect_quote(room, "The language model refused our key")
    assert "sk-wrong-key" not in text + caplog.text


async def test_the_right_key_is_sent(open_room: Room) -> None:
    async with ScriptedModel(api_key="right") as model:
        room = await open_room(llm_base_url=model.base_url, llm_api_key="right")
        model.script(Text(PUSH))
        assert (await ask(room)).answer.text == PUSH


@pytest.mark.parametrize("reply", [Failure(429, "slow down", retry_after=1), error(500, "broken"), Cut()])
async def test_a_passing_failure_is_tried_again_unnoticed(open_room: Room, model: ScriptedModel, reply: Reply) -> None:
    room = await open_room(llm_retries=2)
    model.script(reply, Text(PUSH))
    turn = await ask(room)
    assert turn.answer.text == turn.streamed == PUSH
    assert len(model.requests) == 2


async def test_what_came_before_the_break_was_streamed_and_is_not_stored(room: Services, model: ScriptedModel) -> None:
    model.script(Cut(after="Call `quill push` with the name"))
    seen: list[AnswerEvent] = []

    async def watch() -> None:
        async for event in room.answering.ask(question()):
            seen.append(event)  # noqa: PERF401 - what was seen before the error matters

    with pytest.raises(ModelError, match=BROKE):
        await watch()
    assert "".join(e.text for e in seen if isinstance(e, TextDelta)) == "Call `quill push` with the name"
    assert [message.text for message in await history(room)] == [COVERED]


async def test_one_failing_session_does_not_touch_another(room: Services, model: ScriptedModel) -> None:
    broken = Cut(after="Call")
    model.respond_with(lambda request: broken if "broken" in str(request["messages"]) else Text(PUSH))
    failed, answered = await asyncio.gather(
        ask(room, f"{COVERED} broken", "one"), ask(room, COVERED, "two"), return_exceptions=True
    )
    assert isinstance(failed, ModelError)
    assert not isinstance(answered, BaseException)
    assert answered.answer.text == PUSH
