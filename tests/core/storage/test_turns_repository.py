"""Turns, on SQLite and on Postgres: their order, who keeps them, what is remembered and kept of them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from core.domain.conversation import (
    Answer,
    Mode,
    ModelCall,
    Note,
    Question,
    SessionKey,
    Status,
    Trace,
)
from core.domain.knowledge import Passage
from core.storage.engine import Database
from core.storage.models import MessageRow, TraceRow
from core.storage.sessions import Sessions
from core.storage.turns import MEMORY_MESSAGES, Turns

Ask = Callable[..., Question]

TRACE = Trace(
    query="push a model",
    index_version="v7",
    index_revision=3,
    passages=(Passage("p1", "quillstore.md", "Quillstore", ("Quillstore", "Push"), "http://h/q", "Use `quill push`."),),
    calls=(ModelCall("agent.v1", "http://model", "m", 120, 30, 42, 200, 900),),
    notes=(Note("Researcher", "It pushes [1]."),),
    parameters={"temperature": 0.2},
    timings={"search": 9, "model": 900},
    remembered=2,
    summary="They set up Quillstore.",
)
ANSWER = Answer("Use `quill push` [1].", model="m", milliseconds=950, trace=TRACE)

AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


async def answered(turns: Turns, question: Question, text: str = "So.") -> None:
    await turns.claim(question)
    await turns.complete(question.event_id, Answer(text))


async def test_turns_of_a_session_are_counted_in_the_order_of_asking(turns: Turns, ask: Ask) -> None:
    for text in ("one", "two", "three"):
        await turns.claim(ask(text))
    found = [await turns.get(f"event of {text}") for text in ("one", "two", "three")]
    assert [asked and asked.turn for asked in found] == [1, 2, 3]


async def test_a_clock_that_jumps_back_does_not_change_the_order(
    turns: Turns, sessions: Sessions, ask: Ask, thread: SessionKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = iter(["7fff", "6fff", "5fff", "4fff"])
    monkeypatch.setattr("core.storage.turns.new_id", lambda: next(ids))
    await turns.claim(ask("first"))  # takes an id for its session too
    await turns.claim(ask("second"))
    assert [message.text for message in await sessions.transcript(thread)] == ["first", "second"]
    begun = await turns.begin("event of second")
    assert begun
    assert begun.waits


async def test_second_question_waits_until_the_first_has_ended(turns: Turns, ask: Ask) -> None:
    await turns.claim(ask("first"))
    await turns.claim(ask("second"))
    waiting = await turns.begin("event of second")
    await turns.fail("event of first", "No.")
    begun = await turns.begin("event of second")
    assert waiting
    assert begun
    assert (waiting.waits, begun.waits) == (True, False)


async def test_question_that_nobody_will_end_need_not_be_waited_for(turns: Turns, ask: Ask) -> None:
    await turns.claim(ask("first"))
    await turns.claim(ask("second"))
    begun = await turns.begin("event of second", after_all=False)
    assert begun
    assert not begun.waits


async def test_answers_are_kept_for_channels_that_deliver_them(turns: Turns, ask: Ask) -> None:
    await turns.claim(ask("in Slack"))
    await turns.claim(ask("over HTTP", SessionKey.http("mine")))
    found = [await turns.get(f"event of {text}") for text in ("in Slack", "over HTTP")]
    assert [asked and asked.kept for asked in found] == [True, False]


async def test_turn_remembers_what_was_said_before_and_the_summary(turns: Turns, ask: Ask) -> None:
    for text in ("one", "two", "three"):
        await answered(turns, ask(text), f"Answer to {text}")
    await turns.condense("event of three", "They asked one.", 1)
    await turns.claim(ask("four"))
    begun = await turns.begin("event of four")
    assert begun
    assert begun.memory.summary == "They asked one."
    assert [message.text for message in begun.memory.recent] == ["two", "Answer to two", "three", "Answer to three"]


async def test_turn_of_a_long_session_reads_no_more_than_the_newest_messages(turns: Turns, ask: Ask) -> None:
    for number in range(MEMORY_MESSAGES // 2 + 5):
        await answered(turns, ask(f"question {number}"))
    await turns.claim(ask("last"))
    begun = await turns.begin("event of last")
    assert begun
    assert len(begun.memory.recent) == MEMORY_MESSAGES
    assert begun.memory.recent[-2].text == f"question {MEMORY_MESSAGES // 2 + 4}"


async def test_an_older_summary_does_not_replace_a_newer_one(turns: Turns, ask: Ask) -> None:
    for text in ("one", "two"):
        await answered(turns, ask(text))
    await turns.condense("event of two", "newer", 2)
    await turns.condense("event of two", "older", 1)
    begun = await turns.begin("event of two")
    assert begun
    assert begun.memory.summary == "newer"


async def test_two_that_complete_a_turn_at_once_store_one_answer(
    turns: Turns, sessions: Sessions, ask: Ask, thread: SessionKey
) -> None:
    await turns.claim(ask("How?"))
    stored = await asyncio.gather(*(turns.complete("event of How?", Answer(f"Answer {n}")) for n in range(5)))
    assert sum(message is not None for message in stored) == 1
    assert len(await sessions.transcript(thread)) == 2


async def test_answer_keeps_what_is_needed_to_make_it_again(turns: Turns, ask: Ask) -> None:
    for text in ("one", "two"):
        await answered(turns, ask(text), f"Answer to {text}")
    asked = replace(ask("three"), mode=Mode.CREW, author="U1")
    await turns.claim(asked)
    message = await turns.complete(asked.event_id, ANSWER)
    assert message
    told = await turns.told(message)
    assert told
    assert (told.question, told.answer.trace) == (asked, TRACE)
    assert [said.text for said in told.memory.recent] == ["two", "Answer to two"]
    assert told.memory.summary == "They set up Quillstore."


async def test_answer_is_found_by_the_end_of_its_id(turns: Turns, ask: Ask) -> None:
    await turns.claim(ask("How?"))
    message = await turns.complete("event of How?", ANSWER)
    assert message
    told = await turns.told(message[-8:])
    assert told
    assert told.message_id == message
    assert await turns.told("no such id") is None
    assert await turns.told("") is None


async def test_tokens_and_cost_stand_beside_the_answer(turns: Turns, ask: Ask, database: Database) -> None:
    await turns.claim(ask("How?"))
    await turns.complete("event of How?", ANSWER)
    async with database.read() as db:
        row = (await db.execute(select(MessageRow.tokens, MessageRow.cost).where(MessageRow.role == "assistant"))).one()
    assert tuple(row) == (150, 42)


async def test_trace_goes_with_its_session(
    turns: Turns, sessions: Sessions, ask: Ask, thread: SessionKey, database: Database
) -> None:
    await turns.claim(ask("How?"))
    await turns.complete("event of How?", ANSWER)
    await sessions.delete(thread)
    async with database.read() as db:
        assert await db.scalar(select(func.count()).select_from(TraceRow)) == 0


async def test_what_a_process_left_behind_is_adopted_once(turns: Turns, ask: Ask) -> None:
    await turns.claim(ask("pending"), keeper="gone")
    await turns.claim(ask("answered", event_id="E2"), keeper="gone")
    await turns.complete("E2", ANSWER)
    await turns.claim(ask("of a living one"), keeper="alive")
    heirs = ["heir 1", "heir 2", "heir 3"]
    adopted = await asyncio.gather(*(turns.adopt("slack", AN_HOUR_AGO, heir, ["gone"]) for heir in heirs))
    assert sorted(asked.question.event_id for some in adopted for asked in some) == ["E2", "event of pending"]


async def test_nothing_is_adopted_of_a_process_that_is_not_known_to_be_gone(turns: Turns, ask: Ask) -> None:
    await turns.claim(ask("How?"), keeper="has just come")
    assert await turns.adopt("slack", AN_HOUR_AGO, "me", ["gone"]) == []
    assert await turns.keeper("event of How?") == "has just come"


async def test_what_was_left_behind_too_long_ago_is_left_alone(turns: Turns, ask: Ask, database: Database) -> None:
    await turns.claim(ask("How?"), keeper="gone")
    async with database.begin() as db:
        await db.execute(update(MessageRow).values(created_at=AN_HOUR_AGO - timedelta(hours=1)))
    assert await turns.adopt("slack", AN_HOUR_AGO, "me") == []


async def test_another_platform_adopts_nothing_of_ours(turns: Turns, ask: Ask) -> None:
    await turns.claim(ask("How?"), keeper="gone")
    assert await turns.adopt("discord", AN_HOUR_AGO, "me") == []


async def test_turns_that_were_stopped_or_deleted_are_seen(turns: Turns, sessions: Sessions, ask: Ask) -> None:
    elsewhere = SessionKey("slack", "T1", "C9", "9")
    for question in (ask("going"), ask("stopped"), ask("deleted", elsewhere)):
        await turns.claim(question)
    await turns.stop("event of stopped", "Stopped.")
    await sessions.delete(elsewhere)
    asked = ["event of going", "event of stopped", "event of deleted"]
    assert await turns.stopped_among(asked) == ["event of stopped", "event of deleted"]


async def test_failure_after_delivery_changes_nothing(turns: Turns, ask: Ask) -> None:
    await answered(turns, ask("How?"))
    await turns.delivered("event of How?")
    await turns.fail("event of How?", "Too late.")
    asked = await turns.get("event of How?")
    assert asked
    assert (asked.status, asked.note) == (Status.DELIVERED, "")
