"""What is decided in the console reaches the process that speaks on a platform, once; on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from core.answering.errands import ErrandDesk
from core.domain.channels import DraftState
from core.domain.conversation import Answer, Manner, Question, SessionKey
from core.domain.gaps import ErrandKind, Fate, GapExample
from core.domain.people import acting_as
from core.errors import UnknownTurn
from core.storage import errands as stored
from core.storage.audit import Audit
from core.storage.engine import Database
from core.storage.errands import ATTEMPTS, Errands
from core.storage.gaps import Gaps
from core.storage.reviews import Reviews
from core.storage.turns import Turns

HERE = SessionKey("slack", "T1", "C1", "1.0")


@pytest.fixture
def turns(database: Database) -> Turns:
    return Turns(database)


@pytest.fixture
async def desk(database: Database, turns: Turns) -> AsyncIterator[ErrandDesk]:
    with acting_as("ada"):
        yield ErrandDesk(Errands(database), turns, Audit(database))


async def an_example(turns: Turns, session: SessionKey = HERE, manner: Manner = Manner.REPLY) -> GapExample:
    question = Question(session, "How?", f"event in {session}{manner}", "U0ADA", manner=manner)
    await turns.claim(question)
    await turns.complete(question.event_id, Answer("No.", covered=False))
    *_, latest = await Gaps(turns._database).unsorted(9)
    return GapExample(latest.question_id, "How?", latest.asked_at, "", session, "U0ADA", manner, (Fate.UNCOVERED,))


async def test_question_is_taken_once_and_asked_as_an_offer_in_its_thread(
    desk: ErrandDesk, turns: Turns, database: Database
) -> None:
    example = await an_example(turns)
    assert await desk.ask_again("G1", [example]) == 1
    assert await desk.ask_again("G1", [example]) == 0

    taken = await Errands(database).take("slack")
    assert await Errands(database).take("slack") is None
    assert await Errands(database).take("discord") is None
    assert taken
    assert (taken.kind, taken.event_id, taken.asked_by) == (ErrandKind.ANSWER, f"gap:G1:{example.question_id}", "ada")
    question = await desk.question(taken)
    assert (question.session, question.text, question.author) == (HERE, "How?", "U0ADA")
    assert (question.manner, question.event_id) == (Manner.OFFER, taken.event_id)


async def test_drafted_question_becomes_a_draft_again(desk: ErrandDesk, turns: Turns, database: Database) -> None:
    await desk.ask_again("G1", [await an_example(turns, manner=Manner.DRAFT)])

    taken = await Errands(database).take("slack")
    assert taken
    assert (await desk.question(taken)).manner is Manner.DRAFT


async def test_private_questions_and_those_that_nobody_waits_for_are_left_out(desk: ErrandDesk, turns: Turns) -> None:
    private = await an_example(turns, manner=Manner.PRIVATE)
    over_http = await an_example(turns, SessionKey.http("mine"))

    assert await desk.ask_again("G1", [private, over_http]) == 0


async def test_errand_of_a_process_that_is_gone_is_free_after_its_lease_and_given_up_at_last(
    desk: ErrandDesk, turns: Turns, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.ask_again("G1", [await an_example(turns)])
    first = await Errands(database).take("slack")
    monkeypatch.setattr(stored, "LEASE", timedelta(0))
    taken = [await Errands(database).take("slack") for _ in range(ATTEMPTS)]

    assert taken == [first] * (ATTEMPTS - 1) + [None]


async def test_errand_that_ended_does_not_come_again(
    desk: ErrandDesk, turns: Turns, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "LEASE", timedelta(0))
    await desk.ask_again("G1", [await an_example(turns)])
    taken = await Errands(database).take("slack")
    assert taken
    await desk.end(taken, "Slack did not take it.")

    assert await Errands(database).take("slack") is None


async def test_whoever_waits_is_told_at_once(database: Database, turns: Turns) -> None:
    desk = ErrandDesk(Errands(database), turns, Audit(database), look_seconds=3_600)
    example = await an_example(turns)
    waiting = desk.taken("slack")
    coming = asyncio.ensure_future(anext(waiting))
    await asyncio.sleep(0)
    await desk.ask_again("G1", [example])

    assert (await coming).message_id == example.question_id
    await waiting.aclose()


async def test_draft_is_decided_once_and_that_is_carried_out(
    desk: ErrandDesk, turns: Turns, database: Database
) -> None:
    question = Question(HERE, "How?", "slack:1", "U0ADA", manner=Manner.DRAFT)
    await turns.claim(question)
    message_id = str(await turns.complete(question.event_id, Answer("So.")))
    reviews = Reviews(database)
    await reviews.draft(message_id, "C0OPS:1.0")

    assert await desk.decide(message_id, post=True)
    assert not await desk.decide(message_id, post=False)
    taken = await Errands(database).take("slack")
    assert taken
    assert (taken.kind, taken.message_id, taken.asked_by) == (ErrandKind.DRAFT, message_id, "ada")
    draft = await reviews.draft_of(message_id)
    assert draft
    assert (draft.state, draft.decided_by) == (DraftState.POSTED, "ada")
    assert [change.action for change in await Audit(database).latest(5)] == ["draft.post"]


async def test_what_was_deleted_is_not_done(desk: ErrandDesk, turns: Turns, database: Database) -> None:
    example = await an_example(turns)
    await desk.ask_again("G1", [example])
    taken = await Errands(database).take("slack")
    assert taken
    await turns.withdraw(f"event in {HERE}{Manner.REPLY}")

    with pytest.raises(UnknownTurn):
        await desk.question(taken)
    with pytest.raises(UnknownTurn):
        await desk.decide("no such draft", post=True)
