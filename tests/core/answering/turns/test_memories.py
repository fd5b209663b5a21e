"""What is remembered of a long conversation: the newest messages whole, the rest condensed, in any session."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answering.bill import Bill, unbilled
from core.answering.turns.condenser import LONGEST, QuestionList
from core.answering.turns.memories import Memories, tokens
from core.domain.conversation import Answer, Asked, Memory, Message, ModelCall, Question, SessionKey, Status
from core.storage.engine import Database
from core.storage.turns import MEMORY_MESSAGES, Turns

SESSION = SessionKey("slack", "T1", "C1", "1")
SUMMING_UP = ModelCall("condense.v1", "endpoint", "model", cost=5)


class Recorder:
    """A condenser that shows what it was given, and bills what it did."""

    def __init__(self) -> None:
        self.given: list[tuple[str, list[str]]] = []

    async def condense(self, summary: str, messages: Sequence[Message], bill: Bill = unbilled) -> str:
        self.given.append((summary, [message.text for message in messages]))
        bill(SUMMING_UP)
        return f"summary {len(self.given)}"


def exchange(turn: int, length: int = 40) -> list[Message]:
    when = datetime.now(UTC)
    return [
        Message(f"q{turn}", "user", f"question {turn} ".ljust(length, "x"), when, turn=turn),
        Message(f"a{turn}", "assistant", f"answer {turn} ".ljust(length, "x"), when, turn=turn),
    ]


def memory_of(turns: int, length: int = 40, summary: str = "") -> Memory:
    return Memory(tuple(message for turn in range(1, turns + 1) for message in exchange(turn, length)), summary)


def memories(database: Database, recorder: Recorder, budget: int) -> Memories:
    return Memories(Turns(database), lambda: recorder, budget)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


async def test_short_conversation_is_remembered_whole(database: Database, recorder: Recorder) -> None:
    memory = memory_of(3, summary="before")
    assert memories(database, recorder, 1_500).recall(memory) == memory


async def test_newest_messages_are_kept_when_not_all_fit(database: Database, recorder: Recorder) -> None:
    recalled = memories(database, recorder, 50).recall(memory_of(10, summary="before"))
    assert [message.text.split("x")[0] for message in recalled.recent] == [
        "question 9 ",
        "answer 9 ",
        "question 10 ",
        "answer 10 ",
    ]
    assert recalled.summary == "before"


async def test_last_exchange_is_remembered_however_long_it_is(database: Database, recorder: Recorder) -> None:
    recalled = memories(database, recorder, 100).recall(memory_of(5, length=4_000))
    assert [message.turn for message in recalled.recent] == [5, 5]


@given(st.lists(st.integers(1, 3_000), max_size=30), st.integers(10, 2_000))
def test_what_is_remembered_begins_with_a_question_and_fits(lengths: list[int], budget: int) -> None:
    memory = Memory(tuple(message for turn, n in enumerate(lengths, 1) for message in exchange(turn, n)))
    recent = Memories.recall(Memories(None, Recorder, budget), memory).recent  # type: ignore[arg-type]
    assert memory.recent[len(memory.recent) - len(recent) :] == recent
    if recent:
        assert recent[0].role == "user"
    if len(recent) > 2:
        assert sum(map(tokens, recent)) <= budget
    assert len(recent) >= min(2, len(memory.recent))


async def asked_after(database: Database, turns: int) -> Asked:
    """A session with so many answered turns, and the question that comes next."""
    repository = Turns(database)
    for turn in range(1, turns + 1):
        await repository.claim(Question(SESSION, f"question {turn}", f"E{turn}"))
        await repository.complete(f"E{turn}", Answer(f"answer {turn}"))
    question = Question(SESSION, "next", "E-next")
    await repository.claim(question)
    return Asked(question, turns + 1, Status.PENDING)


async def test_what_no_longer_fits_is_condensed_and_stored(database: Database, recorder: Recorder) -> None:
    asked = await asked_after(database, 4)
    bill: list[ModelCall] = []
    assert await memories(database, recorder, 30).condense(asked, memory_of(4, summary="before"), bill.append)
    assert bill == [SUMMING_UP]
    [(summary, given_texts)] = recorder.given
    assert summary == "before"
    assert [text.split("x")[0] for text in given_texts] == [
        f"{kind} {n} " for n in (1, 2, 3) for kind in ("question", "answer")
    ]
    begun = await Turns(database).begin("E-next")
    assert begun
    assert begun.memory.summary == "summary 1"
    assert [message.turn for message in begun.memory.recent] == [4, 4]


async def test_little_is_not_condensed(database: Database, recorder: Recorder) -> None:
    asked = await asked_after(database, 2)
    assert not await memories(database, recorder, 100).condense(asked, memory_of(2))
    assert recorder.given == []


async def test_many_short_messages_are_condensed_before_any_is_out_of_sight(
    database: Database, recorder: Recorder
) -> None:
    asked = await asked_after(database, 1)
    memory = memory_of(MEMORY_MESSAGES // 2, length=10)
    assert not await memories(database, recorder, 10_000).condense(asked, memory)  # all of it fits
    assert await memories(database, recorder, 200).condense(asked, memory)


async def test_without_a_model_the_questions_are_listed_and_the_list_stays_short() -> None:
    summary = ""
    for turn in range(200):
        summary = await QuestionList().condense(summary, exchange(turn))
    assert len(summary) <= LONGEST
    assert summary.splitlines()[-1].startswith("- question 199")
    assert "answer" not in summary
