"""A language model that refuses, breaks or falls silent: the sentence for the asker, the history, the next question."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from core.bootstrap import Services
from core.domain.conversation import Mode, Status
from core.domain.events import AnswerEvent, TextDelta
from core.errors import ModelError, ModelRejected
from tests.core.answering.speaking_model import BrokenStream, KeptAlive
from tests.core.answering.turns import COVERED, ask, gather, history, question
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


async def expect_failure(room: Services, said: str, kind: type[ModelError], mode: Mode = Mode.AGENT) -> ModelError:
    """Asks; the failure must be told in `said` and stored, and nothing else stored with it."""
    with pytest.raises(kind, match=said) as failed:
        async with asyncio.timeout(GUARD):
            await ask(room, COVERED, mode=mode)
    assert type(failed.value) is kind
    assert [(message.role, message.status) for message in await history(room)] == [("user", Status.FAILED)]
    return failed.value


async def expect_recovery(room: Services, model: ScriptedModel) -> None:
    """The next question of the same session is answered."""
    model.script(Text(PUSH))
    async with asyncio.timeout(GUARD):
        turn = await ask(room, COVERED)
    assert turn.answer.text == PUSH
    assert [message.status for message in await history(room)] == [Status.FAILED, Status.DELIVERED, Status.DELIVERED]


@pytest.mark.parametrize(
    ("reply", "said", "kind"),
    [
        (error(400, "maximum context length is 4096 tokens"), "did not accept the question", ModelRejected),
        (error(401, "bad key sk-secret"), "refused our key", ModelRejected),
        (error(402, "insufficient credits"), "no credit left", ModelRejected),
        (error(403, "not for you"), "refused our key", ModelRejected),
        (error(404, "no such model"), "does not know the model", ModelRejected),
        (error(422, "odd"), "did not accept the question", ModelRejected),
        (error(429, "slow down"), "too many questions", ModelError),
        (error(500, "broken"), "is down right now", ModelError),
        (Failure(502, "<html>Bad Gateway</html>"), "is down right now", ModelError),
        (error(503, "overloaded"), "is down right now", ModelError),
        (Hang(), SLOW, ModelError),
        (Hang(after="Call `quill"), SLOW, ModelError),
        (KeptAlive("Call `quill"), SLOW, ModelError),
        (Cut(), REACH, ModelError),
        (Cut(after="Call `quill"), BROKE, ModelError),
        (BrokenStream("Call `quill"), BROKE, ModelError),
        (Failure(200, "data: [DONE]\n\n"), BROKE, ModelError),
        (Failure(200, "<html>Welcome to the web page of some model server</html>"), BROKE, ModelError),
    ],
)
async def test_each_failure_has_its_sentence_and_the_next_question_works(
    open_room: Room, model: ScriptedModel, reply: Reply, said: str, kind: type[ModelError]
) -> None:
    room = await open_room(llm_timeout=0.3)
    model.script(reply)
    failure = await expect_failure(room, said, kind)
    assert failure.retry_may_help is (kind is ModelError)
    assert "secret" not in failure.said
    assert len(model.requests) == 1
    await expect_recovery(room, model)


async def test_an_endpoint_that_is_not_there_is_named_in_the_log_alone(open_room: Room) -> None:
    async with ScriptedModel() as gone:
        address = gone.base_url
    room = await open_room(llm_base_url=address)
    failure = await expect_failure(room, REACH, ModelError)
    assert "127.0.0.1" in failure.detail
    assert "127.0.0.1" not in failure.said


async def test_a_wrong_key_is_refused_and_never_told(open_room: Room) -> None:
    async with ScriptedModel(api_key="right") as model:
        room = await open_room(llm_base_url=model.base_url, llm_api_key="sk-wrong-key")
        failure = await expect_failure(room, "refused our key", ModelRejected)
        assert "sk-wrong-key" not in str(failure)


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


async def test_tries_are_bounded(open_room: Room, model: ScriptedModel) -> None:
    room = await open_room(llm_retries=1)
    model.respond_with(lambda _: error(500, "broken"))
    await expect_failure(room, "is down right now", ModelError)
    assert len(model.requests) == 2


async def test_a_refused_request_is_not_tried_again(open_room: Room, model: ScriptedModel) -> None:
    room = await open_room(llm_retries=2)
    model.respond_with(lambda _: error(401, "bad key"))
    await expect_failure(room, "refused our key", ModelRejected)
    assert len(model.requests) == 1


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


async def test_a_failure_in_the_second_round_fails_the_question(room: Services, model: ScriptedModel) -> None:
    model.script(Text(PUSH), error(500, "broken"))
    await ask(room)
    with pytest.raises(ModelError, match="is down right now"):
        await gather(room.answering.ask(question("and on S3?")))
    assert [m.status for m in await history(room)] == [Status.DELIVERED, Status.DELIVERED, Status.FAILED]


async def test_one_failing_session_does_not_touch_another(room: Services, model: ScriptedModel) -> None:
    model.respond_with(lambda request: error(500, "x") if "broken" in str(request["messages"]) else Text(PUSH))
    failed, answered = await asyncio.gather(
        ask(room, f"{COVERED} broken", "one"), ask(room, COVERED, "two"), return_exceptions=True
    )
    assert isinstance(failed, ModelError)
    assert not isinstance(answered, BaseException)
    assert answered.answer.text == PUSH
