"""What chat platforms need to be kept: settings, who has the floor, verdicts, drafts, rewordings; on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from core.domain.channels import Address, DraftState, Fault, Feedback, Verdict
from core.domain.conversation import Answer, Attachment, Manner, Question, SessionKey, Status
from core.storage.channels import Channels
from core.storage.engine import Database
from core.storage.reviews import Reviews
from core.storage.sessions import Sessions
from core.storage.turns import Turns

HERE = SessionKey("slack", "T1", "C1", "1.0")
WORKSPACE, CHANNEL = Address("slack", "T1"), Address("slack", "T1", "C1")
ATTACHED = (Attachment("a.log", "text/plain", "boom"), Attachment("b.png", "image/png", image=b"\x89PNG\x00"))


@pytest.fixture
def turns(database: Database) -> Turns:
    return Turns(database)


@pytest.fixture
def reviews(database: Database) -> Reviews:
    return Reviews(database)


def asking(event_id: str = "slack:1", text: str = "How?", author: str = "ada", **more: object) -> Question:
    return Question(HERE, text, event_id, author, **more)  # type: ignore[arg-type]


async def answered(turns: Turns, question: Question, text: str = "So.") -> str:
    await turns.claim(question)
    return str(await turns.complete(question.event_id, Answer(text)))


async def test_levels_of_settings_come_in_order_and_go_when_emptied(database: Database) -> None:
    channels = Channels(database)
    await channels.put(CHANNEL, {"tone": "warm"}, "ada")
    await channels.put(WORKSPACE, {"tone": "formal", "mode": "crew"}, "ada")
    await channels.put(Address("slack", "T2"), {"tone": "loud"}, "ada")
    assert await channels.settings(CHANNEL) == [{"tone": "formal", "mode": "crew"}, {"tone": "warm"}]

    await channels.put(CHANNEL, {}, "ada")
    assert await channels.settings(CHANNEL) == [{"tone": "formal", "mode": "crew"}]
    assert await channels.own(CHANNEL) == {}
    assert [address for address, _ in await channels.all()] == [WORKSPACE, Address("slack", "T2")]


async def test_time_until_which_was_listened_only_moves_by_listening(database: Database) -> None:
    channels = Channels(database)
    assert await channels.heard_until("slack", "T1") is None
    await channels.listening("slack", "T1")
    first = await channels.heard_until("slack", "T1")
    await channels.listening("slack", "T1")
    second = await channels.heard_until("slack", "T1")

    assert first
    assert second
    assert datetime.now(UTC) - timedelta(minutes=1) < first <= second
    assert await channels.listened_to("slack") == ["T1"]


async def test_floor_is_taken_by_others_and_given_back_by_a_question(database: Database, turns: Turns) -> None:
    sessions = Sessions(database)
    assert await sessions.floor(HERE) is None
    await turns.claim(asking())
    await sessions.overheard(HERE, "lin")
    taken = await sessions.floor(HERE)
    await sessions.resolve(HERE, "lin")
    resolved = await sessions.floor(HERE)
    again = await sessions.resolve(HERE, "ada")
    await turns.claim(asking("slack:2", author="lin"))
    given_back = await sessions.floor(HERE)

    assert taken
    assert (taken.taken_by, taken.askers, taken.resolved) == ("lin", {"ada"}, False)
    assert resolved
    assert resolved.resolved
    assert again is False
    assert given_back
    assert (given_back.taken_by, given_back.askers, given_back.resolved) == ("", {"ada", "lin"}, False)


async def test_conversation_that_moves_takes_its_messages_along(database: Database, turns: Turns) -> None:
    sessions, there = Sessions(database), SessionKey("slack", "T1", "C1", "2.0")
    await answered(turns, asking())

    assert await sessions.move(HERE, there)
    assert await sessions.transcript(HERE) == []
    assert [message.text for message in await sessions.transcript(there)] == ["How?", "So."]
    assert not await sessions.move(HERE, there)
    await turns.claim(asking("slack:9"))
    assert not await sessions.move(HERE, there), "another conversation is held there"


async def test_question_keeps_its_attachments_and_its_manner(turns: Turns) -> None:
    asked_at = datetime(2026, 11, 24, 10, tzinfo=UTC)
    question = asking(attachments=ATTACHED, manner=Manner.DRAFT, asked_at=asked_at)
    await turns.claim(question)

    begun = await turns.begin("slack:1")
    assert begun
    assert begun.asked.question == question


async def test_reworded_question_takes_the_place_of_the_old_one(turns: Turns) -> None:
    await answered(turns, asking())
    await turns.place("slack:1", "7.0 8.0")
    assert await turns.supersede("slack:1", asking("slack:1:edit:9", "How so?")) == 2
    standing = await turns.standing("slack:1")

    assert standing
    assert (standing.question.text, standing.placement, standing.status) == ("How so?", "7.0 8.0", Status.PENDING)
    assert await turns.get("slack:1") is None
    assert await turns.supersede("slack:1", asking("slack:1:edit:10", "Again?")) is None


async def test_name_of_another_question_does_not_stand_for_it(turns: Turns) -> None:
    await turns.claim(asking("slack:1"))
    await turns.claim(asking("slack:10:edit:1"))
    standing = await turns.standing("slack:1")

    assert standing
    assert standing.question.event_id == "slack:1"
    assert await turns.standing("slack:_") is None


async def test_answer_of_the_crew_does_not_stand_for_the_reworded_question(turns: Turns) -> None:
    await turns.claim(asking("slack:1:edit:2"))
    await turns.claim(asking("slack:1:edit:2:crew"))
    standing = await turns.standing("slack:1")

    assert standing
    assert standing.question.event_id == "slack:1:edit:2"


async def test_withdrawn_question_goes_with_its_answer(database: Database, turns: Turns) -> None:
    await answered(turns, asking())
    gone = await turns.withdraw("slack:1")

    assert gone
    assert gone.answer
    assert await turns.withdraw("slack:1") is None
    assert await Sessions(database).transcript(HERE) == []


async def test_open_questions_of_a_person_are_found(turns: Turns) -> None:
    await answered(turns, asking("slack:1"))
    await turns.claim(asking("slack:2"))
    await turns.claim(asking("slack:3", author="lin"))

    assert await turns.open_in(HERE, "ada") == ["slack:2"]


async def test_frequent_questions_are_those_of_several_people_and_never_private_ones(turns: Turns) -> None:
    asked = [("Twice?", who) for who in ("ada", "lin")] + [("Often?", who) for who in ("ada", "lin", "sam")]
    asked += [
        ("Mine?", "ada"),
        ("Mine?", "ada"),
        ("Secret?", "ada"),
        ("Secret?", "lin"),
        ("Open?", "ada"),
        ("Open?", "lin"),
    ]
    for n, (text, who) in enumerate(asked):
        session = SessionKey("slack", "T1", "C1", f"{n}.0")
        manner = Manner.PRIVATE if text == "Secret?" else Manner.REPLY
        await turns.claim(Question(session, text, f"slack:{n}", who, manner=manner))
        if text != "Open?":
            await turns.complete(f"slack:{n}", Answer("So."))

    since = datetime.now(UTC) - timedelta(days=1)
    assert await turns.frequent("slack", "T1", since, 5) == ["Often?", "Twice?"]
    assert await turns.frequent("slack", "T2", since, 5) == []
    assert await turns.frequent("discord", "T1", since, 5) == []


async def test_last_verdict_of_a_person_counts(turns: Turns, reviews: Reviews) -> None:
    message = await answered(turns, asking())
    await reviews.give(Feedback(message, "ada", Verdict.HELPFUL))
    await reviews.give(Feedback(message, "lin", Verdict.NOT_HELPFUL, Fault.WRONG, "no"))
    await reviews.give(Feedback(message, "ada", Verdict.NOT_HELPFUL, Fault.UNCLEAR))

    assert await reviews.of(message) == [
        Feedback(message, "ada", Verdict.NOT_HELPFUL, Fault.UNCLEAR),
        Feedback(message, "lin", Verdict.NOT_HELPFUL, Fault.WRONG, "no"),
    ]


async def test_human_is_called_and_a_draft_decided_once(turns: Turns, reviews: Reviews) -> None:
    message = await answered(turns, asking())

    assert [await reviews.escalate(message, who) for who in ("ada", "lin")] == [True, False]
    assert [await reviews.draft(message, place) for place in ("C9:1", "C9:2")] == [True, False]
    assert [draft.placement for draft in await reviews.drafts()] == ["C9:1"]
    assert [await reviews.decide(message, state, "ada") for state in (DraftState.POSTED, DraftState.DISCARDED)] == [
        True,
        False,
    ]
    draft = await reviews.draft_of(message)
    assert draft
    assert (draft.state, draft.decided_by) == (DraftState.POSTED, "ada")
    assert await reviews.drafts() == []
