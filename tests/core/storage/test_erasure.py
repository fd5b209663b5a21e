"""Everything of a person goes, and nothing of others, on SQLite and on Postgres."""

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import func, select

from core.domain.channels import Feedback, Verdict
from core.domain.conversation import Answer, ModelCall, Question, SessionKey, Trace
from core.domain.history import Erased, SessionFilter
from core.storage.conversations import Conversations
from core.storage.engine import Database
from core.storage.erasure import Erasures
from core.storage.models import EscalationRow, FeedbackRow, MessageRow, TraceRow
from core.storage.reviews import Reviews
from core.storage.sessions import Sessions
from core.storage.spending import Spending
from core.storage.turns import Turns

Ask = Callable[..., Question]

ALONE, SHARED, OTHER, ELSEWHERE = (
    SessionKey("slack", "T1", "C1", "alone"),
    SessionKey("slack", "T1", "C1", "shared"),
    SessionKey("slack", "T1", "C1", "other"),
    SessionKey("discord", "T1", "C1", "elsewhere"),
)


@pytest.fixture
def erasures(database: Database) -> Erasures:
    return Erasures(database)


@pytest.fixture
async def world(turns: Turns, ask: Ask, reviews: Reviews, sessions: Sessions) -> dict[str, str]:
    """Ada and Bo ask in four sessions; gives the ids of the answers by event."""
    told = Trace(summary="Ada asked for a secret.", calls=(ModelCall("a", "b", "c", cost=7),))
    answers = dict[str, str]()
    asked = {"a1": ALONE, "a2": SHARED, "b1": SHARED, "b2": OTHER, "a3": ELSEWHERE}
    for event, key in asked.items():
        who = "ada" if event.startswith("a") else "bo"
        await turns.claim(ask(f"secret of {event}", key, event_id=event, author=who))
        answers[event] = await turns.complete(event, Answer(f"answer to {event}", covered=False, trace=told)) or ""
    await turns.condense("b1", "Ada asked for a secret.", 1)
    await reviews.give(Feedback(answers["b2"], "ada", Verdict.HELPFUL, comment="a secret"))
    await reviews.give(Feedback(answers["b2"], "bo", Verdict.HELPFUL))
    await reviews.escalate(answers["b2"], "ada")
    await sessions.overheard(OTHER, "ada")
    return answers


async def test_count_and_erasure_say_the_same(erasures: Erasures, world: dict[str, str]) -> None:  # noqa: ARG001
    expected = Erased(sessions=1, messages=4, verdicts=1, escalations=1)
    assert await erasures.count("slack", "ada") == expected
    assert await erasures.erase("slack", "ada") == expected
    assert await erasures.count("slack", "ada") == Erased()


async def test_nothing_of_the_person_is_left_and_nothing_of_others_gone(
    erasures: Erasures, sessions: Sessions, world: dict[str, str], conversations: Conversations, database: Database
) -> None:
    assert world
    await erasures.erase("slack", "ada")

    assert not await sessions.exists(ALONE)
    assert [message.text for message in await sessions.transcript(SHARED)] == ["secret of b1", "answer to b1"]
    assert len(await sessions.transcript(OTHER)) == len(await sessions.transcript(ELSEWHERE)) == 2
    floor = await sessions.floor(OTHER)
    assert floor is not None
    assert floor.taken_by == ""
    found = {}
    for word in ("a1", "a2", "a3", "b1", "b2"):
        page = await conversations.page(SessionFilter(search=word), 5)
        found[word] = [listed.session.key.thread for listed in page.items]
    assert found == {"a1": [], "a2": [], "a3": ["elsewhere"], "b1": ["shared"], "b2": ["other"]}
    async with database.begin() as db:
        judged = (await db.scalars(select(FeedbackRow.author))).all()
        calls = await db.scalar(select(func.count()).select_from(EscalationRow))
    assert (judged, calls) == (["bo"], 0)


async def test_shared_session_is_called_and_counted_by_what_is_left(
    erasures: Erasures, conversations: Conversations, world: dict[str, str], database: Database
) -> None:
    assert world
    await erasures.erase("slack", "ada")
    listed = {one.session.key: one for one in (await conversations.page(SessionFilter(platform="slack"), 5)).items}
    assert listed[SHARED].session.title == "secret of b1"
    assert (listed[SHARED].uncovered, listed[SHARED].cost) == (1, 7)
    assert (listed[OTHER].helpful, listed[OTHER].escalated) == (1, 0)
    async with database.begin() as db:
        slack = select(TraceRow.body).join(MessageRow, MessageRow.id == TraceRow.message_id)
        [trace] = await db.scalars(slack.where(MessageRow.text == "answer to b1"))
    assert trace["summary"] == ""


async def test_what_was_remembered_of_a_shared_session_is_forgotten(
    erasures: Erasures, turns: Turns, ask: Ask, world: dict[str, str]
) -> None:
    assert world
    await erasures.erase("slack", "ada")
    await turns.claim(ask("next", SHARED, event_id="next", author="bo"))
    begun = await turns.begin("next")
    assert begun is not None
    assert begun.memory.summary == ""
    assert [message.text for message in begun.memory.recent] == ["secret of b1", "answer to b1"]


async def test_cost_of_the_person_is_forgotten_and_that_of_the_channel_kept(
    erasures: Erasures, database: Database
) -> None:
    spending, day = Spending(database), date(2026, 3, 1)
    mine, channel, namesake = ("user", "slack:T1:ada"), ("channel", "slack:T1:C1"), ("user", "slack:T1:xada")
    await spending.add(day, [mine, channel, namesake], 5, 50)
    await erasures.erase("slack", "ada")
    assert await spending.spent(day, [mine, channel, namesake]) == {channel: 5, namesake: 5}


@pytest.mark.parametrize("person", ["", "nobody", "%", "a%", "_da"])
async def test_nobody_else_is_erased(erasures: Erasures, world: dict[str, str], person: str) -> None:
    assert world
    assert await erasures.erase("slack", person) == Erased()
    assert await erasures.count("slack", "ada") == Erased(1, 4, 1, 1)
