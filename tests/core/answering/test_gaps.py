"""Questions without a good answer find those that ask the same: real model, both databases, whatever people type."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.answering.gaps import BATCH, GapKeeper
from core.domain.channels import Feedback, Verdict
from core.domain.conversation import Answer, Manner, Question, SessionKey, Trace
from core.domain.gaps import Fate, Gap, GapState, Order
from core.domain.people import acting_as
from core.errors import UnknownGap
from core.knowledge.index.embed import Embedder
from core.storage.audit import Audit
from core.storage.engine import Database
from core.storage.gaps import Gaps
from core.storage.reviews import Reviews
from core.storage.sessions import Sessions
from core.storage.turns import Turns

GPU = ["How do I share one GPU between notebooks?", "Can two notebooks use the same GPU?", "sharing a gpu in notebooks"]
VPN = "How do I connect to the VPN?"


@pytest.fixture(scope="session")
def embedder(packaged_model: Path) -> Embedder:
    return Embedder(packaged_model)


@pytest.fixture
async def keeper(database: Database, embedder: Embedder) -> AsyncIterator[GapKeeper]:
    with acting_as("ada"):
        yield GapKeeper(Gaps(database), embedder, Audit(database))


@pytest.fixture
def turns(database: Database) -> Turns:
    return Turns(database)


def thread(number: object) -> SessionKey:
    return SessionKey("slack", "T1", "C1", f"{number}.0")


async def asked(turns: Turns, text: str, *, covered: bool = False, query: str = "", **more: object) -> str:
    """A question with its answer; gives the id of the answer."""
    number = len(text) + sum(map(ord, text)) * 7
    question = Question(thread(more.pop("thread", number)), text, f"event {number} {more}", "U0ADA", **more)  # type: ignore[arg-type]
    await turns.claim(question)
    answer = Answer("So.", covered=covered, trace=Trace(query=query))
    return str(await turns.complete(question.event_id, answer))


async def everything(keeper: GapKeeper) -> list[Gap]:
    await keeper.catch_up()
    return await keeper.page(None, Order.LARGEST, 50)


async def test_questions_that_ask_the_same_share_a_gap_whenever_they_come(keeper: GapKeeper, turns: Turns) -> None:
    await asked(turns, GPU[0])
    await asked(turns, VPN)
    await everything(keeper)
    await asked(turns, GPU[1])
    await asked(turns, GPU[2])

    gaps = await everything(keeper)

    assert [(gap.title, gap.size, gap.state) for gap in gaps] == [
        (GPU[0], 3, GapState.OPEN),
        (VPN, 1, GapState.OPEN),
    ]
    assert {example.text for example in await keeper.examples(gaps[0].id)} == set(GPU)
    assert (await keeper.trends(gaps))[gaps[0].id] == [0, 0, 0, 0, 0, 0, 0, 3]


async def test_only_answers_that_were_not_good_count_each_question_once(
    keeper: GapKeeper, turns: Turns, database: Database
) -> None:
    reviews = Reviews(database)
    await asked(turns, "What is drift?", covered=True)
    judged = await asked(turns, GPU[0], covered=True)
    await reviews.give(Feedback(judged, "U0LIN", Verdict.NOT_HELPFUL))
    await reviews.give(Feedback(judged, "U0MAX", Verdict.NOT_HELPFUL))
    escalated = await asked(turns, VPN)
    await reviews.escalate(escalated, "U0LIN")

    gaps = await everything(keeper)
    again = await everything(keeper)

    fates = {gap.title: [e.fates for e in await keeper.examples(gap.id)] for gap in gaps}
    assert fates == {GPU[0]: [(Fate.UNHELPFUL,)], VPN: [(Fate.UNCOVERED, Fate.ESCALATED)]}
    assert again == gaps


async def test_follow_up_is_grouped_by_what_was_searched_for(keeper: GapKeeper, turns: Turns) -> None:
    await asked(turns, GPU[0])
    await asked(turns, "and with two?", query=f"{GPU[1]} and with two?")

    [gap] = await everything(keeper)
    assert gap.size == 2


async def test_deleted_sessions_leave_their_gap_and_an_empty_gap_goes(
    keeper: GapKeeper, turns: Turns, database: Database
) -> None:
    await asked(turns, GPU[0], thread=1)
    await asked(turns, GPU[1], thread=2)
    [gap] = await everything(keeper)

    await Sessions(database).delete(thread(1))
    [smaller] = await keeper.page(None, Order.LARGEST, 5)
    assert (smaller.id, smaller.title, smaller.size) == (gap.id, GPU[1], 1)

    await Sessions(database).delete(thread(2))
    assert await everything(keeper) == []
    assert await Gaps(database).totals(keeper._model) == {}
    with pytest.raises(UnknownGap):
        await keeper.get(gap.id)


async def test_answered_gap_opens_again_only_for_what_was_answered_badly_since(
    keeper: GapKeeper, turns: Turns, database: Database
) -> None:
    await asked(turns, GPU[0])
    early = await asked(turns, GPU[1], covered=True)
    [gap] = await everything(keeper)
    await keeper.decide(gap.id, GapState.ANSWERED)
    await Reviews(database).give(Feedback(early, "U0LIN", Verdict.NOT_HELPFUL))
    [still] = await everything(keeper)
    await asked(turns, GPU[2])
    [reopened] = await everything(keeper)

    assert (still.state, still.size, still.decided_by) == (GapState.ANSWERED, 2, "ada")
    assert (reopened.state, reopened.size) == (GapState.OPEN, 3)
    noted = await Audit(database).latest(5)
    assert [(c.who, c.action, c.before, c.after) for c in noted] == [
        ("ada", "gap.answered", {"state": "open"}, {"state": "answered"})
    ]


async def test_what_nobody_wants_to_answer_stays_so(keeper: GapKeeper, turns: Turns) -> None:
    await asked(turns, GPU[0])
    [gap] = await everything(keeper)
    await keeper.decide(gap.id, GapState.WONT_DO)
    await asked(turns, GPU[1])

    assert [(g.size, g.state) for g in await everything(keeper)] == [(2, GapState.WONT_DO)]
    assert await keeper.counts() == {GapState.WONT_DO: 1}


async def test_private_question_counts_and_is_marked(keeper: GapKeeper, turns: Turns) -> None:
    await asked(turns, GPU[0], manner=Manner.PRIVATE)

    [gap] = await everything(keeper)
    [example] = await keeper.examples(gap.id)
    assert example.private


@pytest.mark.parametrize("order", list(Order))
async def test_pages_of_the_list_show_every_gap_once(keeper: GapKeeper, turns: Turns, order: Order) -> None:
    subjects = ["Where is the canteen?", VPN, GPU[0], "Who pays for the cluster?", "How do I bake bread?"]
    for text in [*subjects, GPU[1]]:
        await asked(turns, text)
    whole = [gap.title for gap in await everything(keeper)]

    seen: list[str] = []
    after = None
    while found := await keeper.page(None, order, 2, after):
        seen += [gap.title for gap in found]
        last = found[-1]
        after = (str(last.size) if order is Order.LARGEST else last.last_seen.isoformat(), last.id)

    assert sorted(seen) == sorted(whole) == sorted(subjects)
    assert seen[0] == GPU[0]


@pytest.mark.parametrize(
    "text",
    [
        "🦑" * 300,
        "\u202egnirts",
        "'); DROP TABLE gaps; --",
        "<script>alert(1)</script>",
        "?",
        "x" * 8_000,
    ],
)
async def test_hostile_texts_get_a_gap_like_any_other(keeper: GapKeeper, turns: Turns, text: str) -> None:
    await asked(turns, text)

    [gap] = await everything(keeper)
    assert gap.title == text


async def test_two_processes_that_look_at_once_sort_each_question_once(
    keeper: GapKeeper, turns: Turns, database: Database, embedder: Embedder
) -> None:
    for text in GPU:
        await asked(turns, text)
    stale = await Gaps(database).unsorted(BATCH)
    await everything(keeper)

    late = GapKeeper(Gaps(database), embedder, Audit(database))
    placed = late._place(stale, {})
    assert not await Gaps(database).put(placed, keeper._model)
    assert [gap.size for gap in await everything(late)] == [3]
