"""The list of conversations on SQLite and on Postgres: every filter, both directions, and counts that stay right."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from core.domain.channels import Feedback, Verdict
from core.domain.conversation import Answer, Mode, ModelCall, Question, SessionKey, Trace
from core.domain.history import Listed, Listing, Opinion, SessionFilter
from core.storage.conversations import Conversations
from core.storage.engine import Database
from core.storage.models import SessionRow
from core.storage.reviews import Reviews
from core.storage.sessions import Sessions
from core.storage.turns import Turns

Ask = Callable[..., Question]
Hold = Callable[..., Awaitable[str]]
HERE = SessionKey("slack", "T1", "C1", "1")
COSTLY = Trace(calls=(ModelCall("agent.v1", "here", "m", cost=5_000),))


@pytest.fixture
def hold(turns: Turns, ask: Ask) -> Hold:
    """Keeps a question with its answer, in a session that is called as its thread; gives the answer's id."""

    async def keep(thread: str, answer: Answer | None = None, **fields: object) -> str:
        key = SessionKey(str(fields.pop("platform", "slack")), "T1", str(fields.pop("channel", "C1")), thread)
        question = ask(f"q{thread}", key, **{"event_id": thread, **fields})
        await turns.claim(question)
        return await turns.complete(question.event_id, answer) or "" if answer else ""

    return keep


def threads(listing: Listing) -> list[str]:
    return [listed.session.key.thread for listed in listing.items]


async def counts(conversations: Conversations) -> Listed:
    [listed] = (await conversations.page(SessionFilter(), 5)).items
    return listed


async def test_each_filter_keeps_what_it_names(
    conversations: Conversations, hold: Hold, reviews: Reviews, turns: Turns
) -> None:
    yes, no = await hold("good", Answer("a")), await hold("bad", Answer("a"))
    await reviews.give(Feedback(yes, "U9", Verdict.HELPFUL))
    await reviews.give(Feedback(no, "U9", Verdict.NOT_HELPFUL))
    await reviews.escalate(no, "U9")
    await hold("open", Answer("a", covered=False))
    await hold("dear", Answer("a", trace=COSTLY))
    await hold("crew", mode=Mode.CREW)
    await hold("elsewhere", platform="discord", channel="D7", author="U7")
    await hold("broken")
    await turns.fail("broken", "It broke.")

    expected = {
        SessionFilter(platform="discord"): ["elsewhere"],
        SessionFilter(channel="D7"): ["elsewhere"],
        SessionFilter(person="U7"): ["elsewhere"],
        SessionFilter(mode=Mode.CREW): ["crew"],
        SessionFilter(opinion=Opinion.HELPFUL): ["good"],
        SessionFilter(opinion=Opinion.NOT_HELPFUL): ["bad"],
        SessionFilter(opinion=Opinion.NONE): ["broken", "elsewhere", "crew", "dear", "open"],
        SessionFilter(covered=False): ["open"],
        SessionFilter(covered=True, opinion=Opinion.HELPFUL): ["good"],
        SessionFilter(escalated=True): ["bad"],
        SessionFilter(failed=True): ["broken"],
        SessionFilter(cost_over=4_999): ["dear"],
        SessionFilter(cost_over=5_000): [],
        SessionFilter(platform="slack", escalated=True, search="qbad"): ["bad"],
        SessionFilter(person="nobody"): [],
    }
    found = {wanted: threads(await conversations.page(wanted, 10)) for wanted in expected}
    assert found == expected


async def test_dates_are_about_when_something_was_said_last(
    conversations: Conversations, hold: Hold, database: Database
) -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    for number in range(3):
        await hold(str(number))
        async with database.begin() as db:
            moved = update(SessionRow).where(SessionRow.thread == str(number))
            await db.execute(moved.values(updated_at=day + timedelta(days=number)))
    wanted = SessionFilter(since=day + timedelta(days=1), until=day + timedelta(days=2))
    assert threads(await conversations.page(wanted, 10)) == ["1"]


async def test_pages_lead_to_the_oldest_and_back(conversations: Conversations, hold: Hold) -> None:
    for number in range(7):
        await hold(str(number))
    wanted = SessionFilter()

    first = await conversations.page(wanted, 3)
    second = await conversations.page(wanted, 3, older_than=first.older)
    last = await conversations.page(wanted, 3, older_than=second.older)
    back = await conversations.page(wanted, 3, newer_than=last.newer)
    top = await conversations.page(wanted, 3, newer_than=back.newer)

    assert [threads(page) for page in (first, second, last)] == [["6", "5", "4"], ["3", "2", "1"], ["0"]]
    assert (first.newer, last.older) == (None, None)
    assert threads(back) == threads(second)
    assert top == first


async def test_sessions_of_the_same_moment_are_each_listed_once(
    conversations: Conversations, hold: Hold, database: Database
) -> None:
    for number in range(5):
        await hold(str(number))
    async with database.begin() as db:
        await db.execute(update(SessionRow).values(updated_at=datetime(2026, 3, 1, tzinfo=UTC)))
    seen, cursor = list[str](), None
    while True:
        page = await conversations.page(SessionFilter(), 2, older_than=cursor)
        seen += threads(page)
        cursor = page.older
        if cursor is None:
            break
    assert sorted(seen) == ["0", "1", "2", "3", "4"]


async def test_what_came_meanwhile_does_not_shift_the_older_page(conversations: Conversations, hold: Hold) -> None:
    for number in range(4):
        await hold(str(number))
    first = await conversations.page(SessionFilter(), 2)
    await hold("new")
    assert threads(await conversations.page(SessionFilter(), 2, older_than=first.older)) == ["1", "0"]


async def test_withdrawn_question_takes_its_counts_along(
    conversations: Conversations, turns: Turns, reviews: Reviews, hold: Hold
) -> None:
    await hold("1", Answer("fine", trace=COSTLY))
    answer = await hold("1", Answer("no", covered=False, trace=COSTLY), event_id="second")
    await reviews.give(Feedback(answer, "U9", Verdict.NOT_HELPFUL))
    await reviews.escalate(answer, "U9")
    before = await counts(conversations)
    await turns.withdraw("second")
    after = await counts(conversations)

    assert (before.uncovered, before.unhelpful, before.escalated, before.cost) == (1, 1, 1, 10_000)
    assert (after.uncovered, after.unhelpful, after.escalated, after.cost) == (0, 0, 0, 5_000)
    assert after.session.messages == 2


async def test_reworded_question_is_counted_once(
    conversations: Conversations, turns: Turns, hold: Hold, ask: Ask
) -> None:
    await hold("1", Answer("no", covered=False), mode=Mode.CREW)
    await turns.supersede("1", ask("again", HERE, event_id="1:edit:2"))
    assert (await counts(conversations)).uncovered == 0
    assert threads(await conversations.page(SessionFilter(mode=Mode.CREW), 5)) == []
    assert threads(await conversations.page(SessionFilter(mode=Mode.AGENT), 5)) == ["1"]


async def test_changed_mind_moves_the_verdict(conversations: Conversations, reviews: Reviews, hold: Hold) -> None:
    answer = await hold("1", Answer("a"))
    for verdict in (Verdict.NOT_HELPFUL, Verdict.HELPFUL, Verdict.HELPFUL):
        await reviews.give(Feedback(answer, "U9", verdict))
    listed = await counts(conversations)
    assert (listed.helpful, listed.unhelpful) == (1, 0)


async def test_failure_after_the_answer_is_no_second_failure(
    conversations: Conversations, turns: Turns, hold: Hold
) -> None:
    await hold("1")
    for _ in range(2):
        await turns.fail("1", "It broke.")
    assert (await counts(conversations)).failed == 1


async def test_deleted_session_is_listed_no_more(conversations: Conversations, sessions: Sessions, hold: Hold) -> None:
    await hold("1", Answer("a"))
    await sessions.delete(HERE)
    assert await conversations.page(SessionFilter(), 5) == Listing(())
