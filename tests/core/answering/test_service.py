"""The one door to the answering room: order, durability, refusals and whoever leaves early."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.answering.engine import Brief, Engine
from core.answering.prompts import read_question
from core.answering.service import REMEMBERED, AnsweringService
from core.bootstrap import Services, open_services
from core.domain.conversation import MAX_QUESTION, Answer, Memory, Mode, SessionKey, Status
from core.domain.events import Accepted, AnswerEvent, Completed, Searching, TextDelta
from core.errors import AssistantError, IndexMissing, InputError, QuestionGone
from core.settings import Settings
from tests.core.answering.asking import (
    COVERED,
    UNCOVERED,
    Turn,
    answering_with,
    ask,
    gather,
    history,
    last_text,
    question,
    roles,
    said,
)
from tests.emulators.language_model import Hang, ScriptedModel, Text

Room = Callable[..., Awaitable[Services]]
AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
THREAD = SessionKey("test", "", "", "thread")
PUSH, AGAIN = "Call `quill push` [1].", "To store a model, call `quill push` [1]."


async def test_a_question_and_its_answer_are_kept(room: Services, model: ScriptedModel) -> None:
    model.script(Text(PUSH))
    turn = await ask(room)
    asked, answered = await history(room)
    assert (asked.role, asked.text, asked.author, asked.status) == ("user", COVERED, "ada", Status.DELIVERED)
    assert (answered.role, answered.text) == ("assistant", PUSH)
    assert answered.answer == turn.answer


async def test_the_answer_is_stored_before_it_is_told(room: Services, model: ScriptedModel) -> None:
    model.script(Text(PUSH))
    async for event in room.answering.ask(question()):
        if isinstance(event, Completed):
            assert [(m.text, m.status) for m in await history(room)] == [
                (COVERED, Status.DELIVERED),
                (PUSH, Status.DELIVERED),
            ]


async def test_a_channel_notes_delivery_itself(room: Services, model: ScriptedModel) -> None:
    model.script(Text(PUSH))
    asked = question()
    assert await room.answering.accept(asked)
    await room.answering.placed(asked, "message 17")
    await gather(room.answering.answer(asked))
    (left,) = await room.turns.unfinished("test", AN_HOUR_AGO)
    assert (left.question, left.placement, left.answer and left.answer.text) == (asked, "message 17", PUSH)
    await room.answering.delivered(asked)
    assert await room.turns.unfinished("test", AN_HOUR_AGO) == []


async def test_two_questions_at_once_in_one_session_are_answered_in_order(room: Services, model: ScriptedModel) -> None:
    model.script(Text(PUSH), Text(AGAIN))
    first, second = await ask_at_once(room, f"{COVERED} First!", f"{COVERED} Second!")
    assert (first.answer.text, second.answer.text) == (PUSH, AGAIN)
    assert read_question(last_text(model.requests[0])) == f"{COVERED} First!"
    assert roles(model.requests[0]) == ["system", "user"]
    assert roles(model.requests[1]) == ["system", "user", "assistant", "user"]
    assert [message["content"] for message in model.requests[1]["messages"][1:3]] == [f"{COVERED} First!", PUSH]


async def ask_at_once(room: Services, *texts: str) -> list[Turn]:
    """Questions of one thread as a channel takes them: accepted as they come, then all answered at once."""
    asked = [question(text) for text in texts]
    assert [await room.answering.accept(one) for one in asked] == [True] * len(texts)
    return await asyncio.gather(*(gather(room.answering.answer(one)) for one in asked))


async def test_the_second_question_waits_until_the_first_is_answered(room: Services, model: ScriptedModel) -> None:
    model.script(Hang())
    first = asyncio.create_task(ask(room, COVERED))
    await model.wait_for(lambda m: len(m.requests) == 1)
    second = room.answering.ask(question(f"{COVERED} Second!"))
    assert isinstance(await anext(second), Accepted)
    waiting = asyncio.ensure_future(anext(second))
    await ask_elsewhere(room, model)
    assert not waiting.done()
    first.cancel()
    await asyncio.wait([first])
    assert isinstance(await waiting, Searching)
    model.script(Text(PUSH))
    assert (await gather(second)).answer.text == PUSH


async def ask_elsewhere(room: Services, model: ScriptedModel) -> None:
    """A whole turn in another session, during which a question that waits had its chance."""
    model.script(Text(PUSH))
    assert (await ask(room, COVERED, "elsewhere")).answer.text == PUSH


async def test_sessions_are_answered_side_by_side(room: Services, model: ScriptedModel) -> None:
    model.script(Hang())
    stuck = asyncio.create_task(ask(room, COVERED, "stuck"))
    await model.wait_for(lambda m: len(m.requests) == 1)
    model.respond_with(lambda _: Text(PUSH))
    turns = await asyncio.gather(*(ask(room, COVERED, f"session {n}") for n in range(8)))
    assert [turn.answer.text for turn in turns] == [PUSH] * 8
    assert not stuck.done()
    stuck.cancel()
    await asyncio.wait([stuck])


async def test_the_same_thread_name_in_two_channels_is_two_sessions(room: Services, model: ScriptedModel) -> None:
    model.respond_with(lambda _: Text(PUSH))
    for channel in ("one", "two"):
        asked = replace(question(), session=SessionKey("slack", "T1", channel, "1.0"))
        await gather(room.answering.ask(asked))
    assert [roles(request) for request in model.requests] == [["system", "user"]] * 2


async def test_a_question_behind_many_that_wait_still_sees_the_exchange_before_it(
    room: Services, model: ScriptedModel
) -> None:
    model.respond_with(lambda request: Text(f"Answer to {read_question(last_text(request))} [1]."))
    texts = [f"How do I store model number {n} in Quillstore?" for n in range(8)]
    await ask_at_once(room, *texts)
    assert [read_question(last_text(request)) for request in model.requests] == texts
    for request, before in zip(model.requests[1:], texts, strict=False):
        assert [message["content"] for message in request["messages"][-3:-1]] == [before, f"Answer to {before} [1]."]


async def test_a_question_delivered_twice_is_answered_once(room: Services, model: ScriptedModel) -> None:
    model.script(Text(PUSH))
    asked = question()
    await gather(room.answering.ask(asked))
    assert not await room.answering.accept(asked)
    with pytest.raises(InputError, match="under this key before"):
        await gather(room.answering.ask(replace(asked, text="Other words, same event")))
    assert (await gather(room.answering.ask(asked))).answer.text == PUSH
    assert len(model.requests) == 1
    assert [message.text for message in await history(room)] == [COVERED, PUSH]


async def test_deliveries_at_the_same_moment_are_accepted_once(room: Services) -> None:
    asked = question()
    accepted = await asyncio.gather(*(room.answering.accept(asked) for _ in range(10)))
    assert sorted(accepted) == [False] * 9 + [True]
    assert len(await history(room)) == 1


async def test_a_redelivery_after_a_restart_is_known(ready_settings: Callable[..., Settings]) -> None:
    settings, asked = ready_settings(), question()
    async with open_services(settings) as services:
        await gather(services.answering.ask(asked))
    async with open_services(settings) as services:
        assert not await services.answering.accept(asked)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        (" \n\t ", "is empty"),
        ("x" * (MAX_QUESTION + 1), "8,001 characters"),
        ("x" * 100_000, "100,000 characters"),
        ("What is \x00 Quillstore?", r"U\+0000"),
        ("\x1b[31mWhat is Quillstore?", r"U\+001B"),
        ("What is\x7f Quillstore?", r"U\+007F"),
        ("What is \ud800 Quillstore?", r"U\+D800"),
    ],
)
async def test_text_that_cannot_be_answered_is_refused_once_and_not_stored(
    room: Services, model: ScriptedModel, text: str, reason: str
) -> None:
    asked = question(text)
    with pytest.raises(InputError, match=reason):
        await room.answering.accept(asked)
    assert not await room.answering.accept(asked)
    assert not await room.answering.knows(THREAD)
    assert await room.sessions.list() == []
    with pytest.raises(InputError, match=reason):
        await gather(room.answering.ask(question(text)))
    assert model.requests == []
    model.script(Text(PUSH))
    assert (await ask(room)).answer.text == PUSH


@pytest.mark.parametrize("text", ["x" * MAX_QUESTION, "Zeilen\nund\tTabs\r\n", "🦑 ½ عربى \u200b", "How? " * 1_500])
async def test_unusual_text_is_taken_as_it_is(room: Services, text: str) -> None:
    assert await room.answering.accept(question(text))
    assert [message.text for message in await history(room)] == [text]


async def test_refusals_are_remembered_in_bounds(room: Services) -> None:
    first = question("")
    for refused in [first, *(question("") for _ in range(REMEMBERED))]:
        with pytest.raises(InputError):
            await room.answering.accept(refused)
    with pytest.raises(InputError):
        await room.answering.accept(first)


@pytest.mark.parametrize("heard", ["Call", "Call `quill push` with the name of the model"])
async def test_an_asker_who_leaves_mid_way_stops_the_answer_and_the_model(
    room: Services, model: ScriptedModel, heard: str
) -> None:
    model.script(Hang(after="Call `quill push` with the name of the model"))
    stream, shown = room.answering.ask(question()), ""
    async for event in stream:
        shown += event.text if isinstance(event, TextDelta) else ""
        if shown.startswith(heard):
            break
    await stream.aclose()
    assert [(message.text, message.status) for message in await history(room)] == [(COVERED, Status.STOPPED)]
    model.script(Text(PUSH))
    assert (await ask(room)).answer.text == PUSH
    await model.wait_for(lambda m: m.abandoned == 1)


async def test_the_last_of_two_askers_of_one_question_stops_it(room: Services, model: ScriptedModel) -> None:
    model.script(Hang(after="Call `quill push`"))
    asked = question()
    streams = [room.answering.ask(asked) for _ in range(2)]
    for stream in streams:
        async for event in stream:
            if isinstance(event, TextDelta):
                break
    await streams[0].aclose()
    assert [message.status for message in await history(room)] == [Status.PENDING]
    assert model.abandoned == 0
    await streams[1].aclose()
    assert [message.status for message in await history(room)] == [Status.STOPPED]
    await model.wait_for(lambda m: m.abandoned == 1)


async def test_an_asker_whose_task_is_cancelled_stops_the_answer(room: Services, model: ScriptedModel) -> None:
    model.script(Hang())
    asking = asyncio.create_task(ask(room))
    await model.wait_for(lambda m: len(m.requests) == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert [message.status for message in await history(room)] == [Status.STOPPED]
    await model.wait_for(lambda m: m.abandoned == 1)


async def test_an_asker_who_leaves_while_waiting_for_a_turn_stops_that_question_alone(
    room: Services, model: ScriptedModel
) -> None:
    model.script(Hang())
    first = asyncio.create_task(ask(room, COVERED))
    await model.wait_for(lambda m: len(m.requests) == 1)
    second = asyncio.create_task(ask(room, f"{COVERED} Second!"))
    await ask_elsewhere(room, model)
    second.cancel()
    await asyncio.wait([second])
    assert [message.status for message in await history(room)] == [Status.PENDING, Status.STOPPED]
    first.cancel()
    await asyncio.wait([first])


async def test_an_asker_who_leaves_after_the_answer_leaves_it_answered(room: Services, model: ScriptedModel) -> None:
    model.script(Text(PUSH))
    stream = room.answering.ask(question())
    async for event in stream:
        if isinstance(event, Completed):
            break
    await stream.aclose()
    assert [message.status for message in await history(room)] == [Status.DELIVERED, Status.DELIVERED]


async def test_a_question_left_by_a_crash_is_answered_by_the_next_process(
    ready_settings: Callable[..., Settings],
) -> None:
    settings, asked = ready_settings(), question()
    async with open_services(settings) as services:
        await services.turns.claim(asked, "gone")
        await services.turns.place(asked.event_id, "message 17")
        (left,) = [left async for left in services.answering.left_behind("test")]
        assert (left.question, left.placement, left.answer) == (asked, "message 17", None)
        assert [left async for left in services.answering.left_behind("slack")] == []
        turn = await gather(services.answering.answer(left.question))
        await services.answering.delivered(left.question)
        assert turn.answer.covered
        assert [left async for left in services.answering.left_behind("test")] == []
        assert [message.status for message in await history(services)] == [Status.DELIVERED, Status.DELIVERED]


async def test_a_missing_index_is_told_in_words(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    from core.bootstrap import prepare  # noqa: PLC0415

    await asyncio.to_thread(prepare, settings, print)
    async with open_services(settings) as services:
        with pytest.raises(IndexMissing, match="refresh"):
            await ask(services)
        assert [message.status for message in await history(services)] == [Status.FAILED]


class BrokenEngine:
    """An engine with a mistake in it, as a new one may have."""

    def __init__(self) -> None:
        self.seen: list[Memory] = []
        self.broken = True

    async def run(self, brief: Brief) -> AsyncGenerator[AnswerEvent]:
        self.seen.append(brief.memory)
        yield Searching(brief.question)
        if self.broken:
            raise KeyError("postgres://user:secret@host")
        yield Completed(Answer(f"Answer to {brief.question}"))


@pytest.fixture
def engine() -> BrokenEngine:
    return BrokenEngine()


@pytest.fixture
async def answering(services: Services, engine: BrokenEngine) -> AsyncIterator[AnsweringService]:
    async with answering_with(services, lambda: {Mode.AGENT: engine, Mode.CREW: engine}) as opened:
        yield opened


async def test_failed_questions_are_not_left_behind(
    services: Services, answering: AnsweringService, engine: BrokenEngine
) -> None:
    asked = question()
    await answering.accept(asked)
    with pytest.raises(AssistantError):
        await gather(answering.answer(asked))
    assert len(engine.seen) == 1
    assert [left async for left in services.answering.left_behind("test")] == []


async def test_a_mistake_in_an_engine_becomes_a_sentence(
    services: Services, answering: AnsweringService, engine: BrokenEngine
) -> None:
    with pytest.raises(AssistantError, match="Something broke while answering") as failed:
        await gather(answering.ask(question()))
    assert "secret" not in failed.value.said
    assert [message.status for message in await history(services)] == [Status.FAILED]
    engine.broken = False
    assert (await gather(answering.ask(question()))).answer.text == f"Answer to {COVERED}"


async def test_the_reason_of_a_failure_is_kept_beside_the_question(
    services: Services, answering: AnsweringService
) -> None:
    with pytest.raises(AssistantError):
        await gather(answering.ask(question()))
    (session,) = await services.sessions.list()
    assert session.messages == 1


async def test_an_engine_is_shown_what_was_said_before_within_bounds(
    answering: AnsweringService, engine: BrokenEngine
) -> None:
    engine.broken = False
    for number in range(8):
        await gather(answering.ask(question(f"Question {number} ".ljust(2_000, "x"))))
    shown = [[message.text[:11] for message in memory.recent] for memory in engine.seen]
    assert shown[0] == []
    assert shown[1] == ["Question 0 ", "Answer to Q"]
    assert shown[-1] == ["Question 6 ", "Answer to Q"]
    assert "Question 0" in engine.seen[-1].summary


async def test_engines_are_loaded_once_and_again_after_a_failure(services: Services, engine: BrokenEngine) -> None:
    engine.broken = False
    loads = 0

    def load() -> dict[Mode, Engine]:
        nonlocal loads
        loads += 1
        if loads == 1:
            raise RuntimeError("the disk was full")
        return {Mode.AGENT: engine}

    async with answering_with(services, load) as answering:
        with pytest.raises(AssistantError, match="Something broke"):
            await gather(answering.ask(question()))
        turns = await asyncio.gather(*(gather(answering.ask(question(session=f"s{n}"))) for n in range(5)))
        assert [turn.answer.text for turn in turns] == [f"Answer to {COVERED}"] * 5
        assert loads == 2


async def test_a_conversation_can_be_forgotten(room: Services, model: ScriptedModel) -> None:
    model.respond_with(lambda _: Text(PUSH))
    await ask(room, "A secret about Quillstore labels and buckets")
    assert await room.answering.knows(THREAD)
    assert await room.answering.forget(THREAD) == 2
    assert not await room.answering.knows(THREAD)
    assert await room.answering.forget(THREAD) == 0
    await ask(room, COVERED)
    assert "secret" not in said(model.requests[-1])


async def test_erasing_a_person_stops_what_is_being_answered_for_them_alone(
    room: Services, model: ScriptedModel
) -> None:
    model.script(Hang(), Hang())
    theirs, other = question(), replace(question(session="s2"), author="grace")
    asking = [asyncio.create_task(gather(room.answering.ask(asked))) for asked in (theirs, other)]
    await model.wait_for(lambda m: m.waiting == 2)
    await room.erasure.erase(theirs.session.platform, theirs.author)
    with pytest.raises(QuestionGone):
        await asking[0]
    await model.wait_for(lambda m: m.abandoned == 1)
    assert room.answering.queue()[Mode.AGENT] == (1, 0)
    asking[1].cancel()


async def test_how_long_an_answer_took_is_kept(services: Services) -> None:
    turn = await ask(services, UNCOVERED)
    assert turn.answer.milliseconds >= turn.answer.first_text >= 1
    stored = (await history(services))[-1].answer
    assert stored == turn.answer
