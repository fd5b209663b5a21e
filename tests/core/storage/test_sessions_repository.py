"""Conversations, on SQLite and on Postgres."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from sqlalchemy import func, select

from core.domain.conversation import Answer, Citation, Message, Mode, Question, SessionKey, Status, ToolCall
from core.storage.engine import Database
from core.storage.models import CitationRow, FeedbackRow, MessageRow, SessionRow, ToolCallRow
from core.storage.nouns import TITLE_LENGTH
from core.storage.sessions import Sessions
from core.storage.turns import Turns

Ask = Callable[..., Question]

ANSWER = Answer(
    text="Run `dvc repro` [1], then push [2].",
    citations=(
        Citation(1, "p1", "Pipelines", ("Pipelines", "Run"), "http://host/a#run", 0.7312, "dvc repro runs"),
        Citation(2, "p2", "Remotes", (), "http://host/b", -0.25, "ünïcode — “quoted”"),
    ),
    tool_calls=(ToolCall("search", '{"query": "dvc"}', "2 passages"), ToolCall("calculate", "{}", "4")),
    covered=False,
    mode=Mode.CREW,
    model="some/model",
    note="Quoted, not written.",
    milliseconds=1234,
)


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


async def rows(database: Database, table: type) -> int:
    async with database.begin() as db:
        return await db.scalar(select(func.count()).select_from(table)) or 0


async def test_question_is_claimed_once(sessions: Sessions, turns: Turns, ask: Ask) -> None:
    assert await turns.claim(ask("How?"))
    assert not await turns.claim(ask("How?"))
    assert texts(await sessions.transcript(ask("How?").session)) == ["How?"]


async def test_redelivery_with_other_words_keeps_what_was_asked_first(
    sessions: Sessions, turns: Turns, ask: Ask
) -> None:
    await turns.claim(ask("first", event_id="E"))
    assert not await turns.claim(ask("second", event_id="E", author="U9"))
    assert texts(await sessions.transcript(ask("first").session)) == ["first"]


async def test_redelivery_to_another_thread_opens_no_session(sessions: Sessions, turns: Turns, ask: Ask) -> None:
    elsewhere = SessionKey("slack", "T1", "C2", "9")
    await turns.claim(ask("How?"))
    assert not await turns.claim(ask("How?", elsewhere))
    assert not await sessions.exists(elsewhere)


async def test_twenty_claims_of_one_event_at_once_let_one_through(sessions: Sessions, turns: Turns, ask: Ask) -> None:
    claims = await asyncio.gather(*(turns.claim(ask("How?")) for _ in range(20)))
    assert [claim for claim in claims if claim] == [1]
    assert len(await sessions.transcript(ask("How?").session)) == 1


async def test_twenty_first_questions_at_once_share_one_new_session(sessions: Sessions, turns: Turns, ask: Ask) -> None:
    claims = await asyncio.gather(*(turns.claim(ask(f"question {n}")) for n in range(20)))
    assert all(claims)
    [session] = await sessions.list()
    assert session.messages == 20


async def test_each_thread_is_a_session_of_its_own(sessions: Sessions, turns: Turns, ask: Ask) -> None:
    first = SessionKey("slack", "T1", "C1", "1")
    others = [
        SessionKey("slack", "T1", "C1", "2"),
        SessionKey("slack", "T1", "C2", "1"),
        SessionKey("slack", "T2", "C1", "1"),
        SessionKey("discord", "T1", "C1", "1"),
    ]
    for number, key in enumerate([first, *others]):
        await turns.claim(ask(f"question {number}", key))
    assert texts(await sessions.transcript(first)) == ["question 0"]
    assert len(await sessions.list()) == 5


async def test_title_is_the_first_question_on_one_line_and_stays(sessions: Sessions, turns: Turns, ask: Ask) -> None:
    await turns.claim(ask("How do\n\n I " + "x" * 200, event_id="E"))
    await turns.claim(ask("And then?"))
    [session] = await sessions.list()
    assert session.title.startswith("How do I xxx")
    assert len(session.title) == TITLE_LENGTH


async def test_transcript_is_in_the_order_of_speaking(
    sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey
) -> None:
    for number in range(6):
        await turns.claim(ask(f"q{number}"))
        await turns.complete(f"event of q{number}", Answer(f"a{number}"))
    assert texts(await sessions.transcript(thread)) == [f"{who}{n}" for n in range(6) for who in "qa"]


async def test_last_messages_come_oldest_first(sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey) -> None:
    for number in range(4):
        await turns.claim(ask(f"q{number}"))
    assert texts(await sessions.transcript(thread, last=2)) == ["q2", "q3"]
    assert texts(await sessions.transcript(thread, last=99)) == ["q0", "q1", "q2", "q3"]


async def test_transcript_of_an_unknown_thread_is_empty(sessions: Sessions) -> None:
    nowhere = SessionKey("slack", "T1", "C1", "never")
    assert await sessions.transcript(nowhere) == []
    assert not await sessions.exists(nowhere)


async def test_answer_comes_back_as_it_was_stored(
    sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey
) -> None:
    await turns.claim(ask("How?", author="U7"))
    await turns.complete("event of How?", ANSWER)
    asked, answered = await sessions.transcript(thread)
    assert (asked.role, asked.author, asked.answer, asked.status) == ("user", "U7", None, Status.ANSWERED)
    assert (answered.role, answered.answer) == ("assistant", ANSWER)


async def test_citations_keep_their_numbers_whatever_their_order(
    sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey
) -> None:
    backwards = Answer("…", citations=ANSWER.citations[::-1])
    await turns.claim(ask("How?"))
    await turns.complete("event of How?", backwards)
    answered = (await sessions.transcript(thread))[1].answer
    assert answered is not None
    assert [citation.number for citation in answered.citations] == [1, 2]


async def test_answer_to_a_thread_deleted_meanwhile_is_dropped(
    sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey, database: Database
) -> None:
    await turns.claim(ask("How?"))
    await sessions.delete(thread)
    await turns.complete("event of How?", ANSWER)
    assert not await sessions.exists(thread)
    assert await rows(database, MessageRow) == 0


async def test_delivered_question_is_finished(sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey) -> None:
    await turns.claim(ask("How?"))
    await turns.complete("event of How?", ANSWER)
    await turns.delivered("event of How?")
    assert (await sessions.transcript(thread))[0].status is Status.DELIVERED
    assert await turns.unfinished("slack", datetime.now(UTC) - timedelta(hours=1)) == []


async def test_failed_question_keeps_the_sentence_that_was_said(turns: Turns, ask: Ask, database: Database) -> None:
    await turns.claim(ask("How?"))
    await turns.fail("event of How?", "The model is away.")
    async with database.begin() as db:
        row = (await db.scalars(select(MessageRow))).one()
    assert (row.status, row.note) == (Status.FAILED, "The model is away.")
    assert await turns.unfinished("slack", datetime.now(UTC) - timedelta(hours=1)) == []


async def test_question_that_its_asker_stopped_says_so(
    sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey
) -> None:
    await turns.claim(ask("How?"))
    assert await turns.stop("event of How?", "Stopped.")
    assert await turns.complete("event of How?", ANSWER) is None
    [message] = await sessions.transcript(thread)
    assert (message.status, message.note) == (Status.STOPPED, "Stopped.")


async def test_question_stopped_after_its_answer_stays_answered(
    sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey
) -> None:
    await turns.claim(ask("How?"))
    await turns.complete("event of How?", ANSWER)
    assert not await turns.stop("event of How?", "Stopped.")
    assert [message.status for message in await sessions.transcript(thread)] == [Status.ANSWERED, Status.DELIVERED]


async def test_status_changes_touch_no_other_question(
    sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey
) -> None:
    await turns.claim(ask("a"))
    await turns.claim(ask("b"))
    await turns.fail("event of a", "no")
    assert [message.status for message in await sessions.transcript(thread)] == [Status.FAILED, Status.PENDING]


async def test_unfinished_tells_where_the_reply_stands_and_what_it_says(turns: Turns, ask: Ask) -> None:
    pending, answered = ask("pending", author="U1", mode=Mode.CREW), ask("answered")
    for question in (pending, answered):
        await turns.claim(question)
    await turns.place("event of pending", "1763.0002")
    await turns.complete("event of answered", ANSWER)
    first, second = await turns.unfinished("slack", datetime.now(UTC) - timedelta(hours=1))
    assert (first.question, first.placement, first.answer) == (pending, "1763.0002", None)
    assert (second.question, second.placement, second.answer) == (answered, "", ANSWER)


async def test_unfinished_leaves_out_what_is_too_old(turns: Turns, ask: Ask, database: Database) -> None:
    await turns.claim(ask("old"))
    await turns.claim(ask("young"))
    async with database.begin() as db:
        row = (await db.scalars(select(MessageRow).where(MessageRow.text == "old"))).one()
        row.created_at = datetime.now(UTC) - timedelta(hours=25)
    found = await turns.unfinished("slack", datetime.now(UTC) - timedelta(hours=24))
    assert [item.question.text for item in found] == ["young"]


async def test_unfinished_takes_a_time_of_any_zone(turns: Turns, ask: Ask) -> None:
    await turns.claim(ask("How?"))
    tokyo = timezone(timedelta(hours=9))
    assert len(await turns.unfinished("slack", datetime.now(tokyo) - timedelta(minutes=5))) == 1
    assert await turns.unfinished("slack", datetime.now(tokyo) + timedelta(minutes=5)) == []


async def test_unfinished_of_another_platform_is_left_to_it(turns: Turns, ask: Ask) -> None:
    await turns.claim(ask("How?", SessionKey("discord", "G", "C", "1")))
    assert await turns.unfinished("slack", datetime.now(UTC) - timedelta(hours=1)) == []


async def test_times_are_in_utc_and_say_so(sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey) -> None:
    before = datetime.now(UTC)
    await turns.claim(ask("How?"))
    after = datetime.now(UTC)
    [message], [session] = await sessions.transcript(thread), await sessions.list()
    assert before <= message.created_at
    for moment in (message.created_at, session.created_at, session.updated_at):
        assert moment.tzinfo is UTC
        assert before <= moment <= after


async def test_session_is_found_by_its_own_id(sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey) -> None:
    await turns.claim(ask("How?"))
    [listed] = await sessions.list()
    found = await sessions.find(listed.id)
    assert found == listed
    assert found.key == thread


async def test_session_is_found_by_the_name_that_an_http_caller_gave(
    sessions: Sessions, turns: Turns, ask: Ask
) -> None:
    await turns.claim(ask("How?", SessionKey.http("my-chat")))
    found = await sessions.find("my-chat")
    assert found is not None
    assert found.key == SessionKey.http("my-chat")


async def test_thread_of_a_chat_platform_is_not_taken_for_a_name(sessions: Sessions, turns: Turns, ask: Ask) -> None:
    await turns.claim(ask("How?", SessionKey("slack", "T1", "C1", "my-chat")))
    assert await sessions.find("my-chat") is None


async def test_search_takes_every_character_literally(sessions: Sessions, turns: Turns, ask: Ask) -> None:
    said = {
        "drift": "What is Drift?",
        "percent": "Why 100% of the traffic?",
        "underscore": "Where is log_model?",
        "backslash": "Is C:\\tmp fine?",
    }
    for name, text in said.items():
        await turns.claim(ask(text, SessionKey("x", "W", name, f"t-{name}"), event_id=name))
    await turns.complete("drift", Answer("This was answered late."))
    expected = {
        "drift": {"drift"},
        "DRIFT": {"drift"},
        "  drift ": {"drift"},
        "answered late": {"drift"},
        "t-drift": {"drift"},
        "100%": {"percent"},
        "%": {"percent"},
        "_": {"underscore"},
        "log_model": {"underscore"},
        "\\": {"backslash"},
        "C:\\tmp": {"backslash"},
        "nothing of the kind": set(),
        "": set(said),
    }
    found = {search: {session.key.channel for session in await sessions.list(search=search)} for search in expected}
    assert found == expected


async def test_search_finds_words_of_a_later_message(sessions: Sessions, turns: Turns, ask: Ask) -> None:
    await turns.claim(ask("Hello"))
    await turns.claim(ask("What about canaries?"))
    [session] = await sessions.list(search="canaries")
    assert session.title == "Hello"
    assert session.messages == 2


async def test_session_that_spoke_last_is_listed_first(sessions: Sessions, turns: Turns, ask: Ask) -> None:
    a, b = SessionKey.http("a"), SessionKey.http("b")
    await turns.claim(ask("one", a))
    await turns.claim(ask("two", b))
    await turns.claim(ask("three", a))
    assert [session.key for session in await sessions.list()] == [a, b]


async def test_answer_moves_its_session_to_the_front(sessions: Sessions, turns: Turns, ask: Ask) -> None:
    a, b = SessionKey.http("a"), SessionKey.http("b")
    await turns.claim(ask("one", a))
    await turns.claim(ask("two", b))
    await turns.complete("event of one", ANSWER)
    assert [session.key for session in await sessions.list()] == [a, b]


async def test_pages_of_the_list_hold_every_session_once(sessions: Sessions, turns: Turns, ask: Ask) -> None:
    for number in range(7):
        await turns.claim(ask(f"q{number}", SessionKey.http(f"s{number}")))
    pages = [await sessions.list(limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [[session.title for session in page] for page in pages] == [
        ["q6", "q5", "q4"],
        ["q3", "q2", "q1"],
        ["q0"],
        [],
    ]


async def test_deleted_session_leaves_no_row_behind(
    sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey, database: Database
) -> None:
    kept = SessionKey.http("kept")
    for key in (thread, kept):
        await turns.claim(ask(f"to {key.thread}", key))
        await turns.complete(f"event of to {key.thread}", ANSWER)
        answered = (await sessions.transcript(key))[1]
        async with database.begin() as db:
            db.add(FeedbackRow(message_id=answered.id, author="U1", verdict="good"))
    assert await sessions.delete(thread) == 2
    counts = [await rows(database, t) for t in (SessionRow, MessageRow, CitationRow, ToolCallRow, FeedbackRow)]
    assert counts == [1, 2, 2, 2, 1]
    assert len(await sessions.transcript(kept)) == 2


async def test_deleting_an_unknown_session_deletes_nothing(sessions: Sessions, turns: Turns, ask: Ask) -> None:
    await turns.claim(ask("How?"))
    assert await sessions.delete(SessionKey.http("never")) == 0
    assert len(await sessions.list()) == 1


async def test_thread_begins_anew_after_it_was_deleted(
    sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey
) -> None:
    await turns.claim(ask("old"))
    await sessions.delete(thread)
    assert await turns.claim(ask("new"))
    assert texts(await sessions.transcript(thread)) == ["new"]


async def test_longest_question_is_stored_whole(sessions: Sessions, turns: Turns, ask: Ask, thread: SessionKey) -> None:
    text = "😀" * 8000
    await turns.claim(ask(text, event_id="long"))
    assert texts(await sessions.transcript(thread)) == [text]
