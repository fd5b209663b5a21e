"""Questions are counted with what became of them, on SQLite and on Postgres, and recounted when that changes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, update

from core.domain.channels import Feedback, Verdict
from core.domain.conversation import Answer, Mode, ModelCall, Question, SessionKey, Trace
from core.domain.tally import Figures, Period, Place
from core.operations.tally import BUSIEST, TallyService
from core.storage.engine import Database
from core.storage.models import MessageRow, TallyRow
from core.storage.reviews import Reviews
from core.storage.sessions import Sessions
from core.storage.tally import WHOLE, Tallies
from core.storage.turns import Turns

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SLACK = SessionKey("slack", "T1", "C1", "1.0")
DISCORD = SessionKey("discord", "G1", "help", "7")
BILL = Trace(calls=(ModelCall("agent.v1", "here", "a-model", tokens_in=900, tokens_out=100, cost=250),))


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tally(database: Database, clock: Clock) -> AsyncIterator[TallyService]:
    service = TallyService(Tallies(database), clock)
    yield service
    await service.close()


class Asking:
    """Asks and answers at any time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.turns = Turns(database)
        self.asked = 0

    async def __call__(
        self,
        at: datetime,
        answer: Answer | None = None,
        session: SessionKey = SLACK,
        author: str = "U1",
        mode: Mode = Mode.AGENT,
    ) -> str:
        """The id of the answer, or of the event when there is none."""
        self.asked += 1
        event = f"event {self.asked}"
        await self.turns.claim(Question(session, "How?", event, author, mode))
        async with self._database.begin() as db:
            await db.execute(update(MessageRow).where(MessageRow.event_id == event).values(created_at=at))
        return (await self.turns.complete(event, answer) or "") if answer else event


@pytest.fixture
def ask(database: Database) -> Asking:
    return Asking(database)


async def figures(tally: TallyService, period: Period = Period.DAY, place: Place | None = None) -> Figures:
    await tally.catch_up()
    return (await tally.overview(period, place)).figures


async def test_question_counts_with_all_that_became_of_it(database: Database, tally: TallyService, ask: Asking) -> None:
    good = await ask(NOW, Answer("So.", milliseconds=4_000, first_text=1_000, trace=BILL))
    poor = await ask(NOW, Answer("No.", covered=False, milliseconds=400, first_text=400), author="U2")
    await ask.turns.fail(await ask(NOW), "The model is down.")
    await ask(NOW, author="U3")
    reviews = Reviews(database)
    await reviews.give(Feedback(good, "U1", Verdict.HELPFUL))
    await reviews.give(Feedback(good, "U2", Verdict.NOT_HELPFUL))
    await reviews.escalate(poor, "U2")

    found = await figures(tally)

    assert (found.questions, found.answered, found.uncovered, found.failed) == (4, 1, 1, 1)
    assert (found.helpful, found.unhelpful, found.escalated, found.people) == (1, 1, 1, 3)
    assert (found.tokens, found.cost) == (1000, 250)
    assert found.first_text_p95 == pytest.approx(1_000, rel=0.1)
    assert found.whole_p50 == pytest.approx(400, rel=0.1)


async def test_nothing_asked_is_nothing_counted(tally: TallyService) -> None:
    assert await figures(tally) == Figures()


@pytest.mark.parametrize(("period", "here", "before"), [(Period.DAY, 1, 1), (Period.WEEK, 2, 2), (Period.MONTH, 5, 1)])
async def test_period_is_beside_the_one_before_it_as_far_as_that_had_come(
    tally: TallyService, ask: Asking, period: Period, here: int, before: int
) -> None:
    for days_ago in (0, 1, 8, 9, 35):
        await ask(NOW - timedelta(days=days_ago))
    for day in (NOW - timedelta(days=7), NOW - timedelta(days=30)):
        await ask(day + timedelta(hours=1))  # later than it is now: not compared with

    await tally.catch_up()
    overview = await tally.overview(period)

    assert (overview.figures.questions, overview.before.questions) == (here, before)


async def test_points_of_a_period_come_to_its_figures(tally: TallyService, ask: Asking) -> None:
    for hours in (0, 3, 3, 30, 60):
        await ask(NOW - timedelta(hours=hours), author=f"U{hours}")
    await tally.catch_up()
    for period in Period:
        overview = await tally.overview(period)
        assert len(overview.points) == period.steps
        assert sum(point.figures.questions for point in overview.points) == overview.figures.questions
        assert overview.points[0].start == period.window(NOW)[0]
    assert (await tally.overview(Period.MONTH)).figures.people == 4


async def test_figures_are_kept_to_a_platform_a_channel_or_a_mode(tally: TallyService, ask: Asking) -> None:
    await ask(NOW)
    await ask(NOW, mode=Mode.CREW)
    await ask(NOW, session=DISCORD)
    assert (await figures(tally, place=Place("slack"))).questions == 2
    assert (await figures(tally, place=Place("slack", "T1", "C1", Mode.CREW))).questions == 1
    assert (await figures(tally, place=Place(mode=Mode.AGENT))).questions == 2
    assert await tally.places() == [Place("discord", "G1", "help"), Place("slack", "T1", "C1")]


async def test_busiest_channel_comes_first(tally: TallyService, ask: Asking) -> None:
    for session in (SLACK, DISCORD, DISCORD):
        await ask(NOW, session=session)
    await tally.catch_up()
    overview = await tally.overview(Period.WEEK)
    assert [(place.channel, found.questions) for place, found in overview.places] == [("help", 2), ("C1", 1)]
    assert [(place.mode, found.questions) for place, found in overview.modes] == [(Mode.AGENT, 3)]


async def test_figures_are_given_of_the_busiest_channels_and_the_questions_of_all(
    tally: TallyService, ask: Asking
) -> None:
    for number in range(BUSIEST + 2):
        await ask(NOW, session=SessionKey("slack", "T1", f"C{number:02}", "1.0"))
    await ask(NOW, session=DISCORD)
    await ask(NOW, session=DISCORD)
    await tally.catch_up()
    for period in Period:
        overview = await tally.overview(period)
        assert overview.channels[0] == (Place("discord", "G1", "help"), 2)
        assert sum(questions for _, questions in overview.channels) == overview.figures.questions == BUSIEST + 4
        assert [place for place, _ in overview.places] == [place for place, _ in overview.channels[:BUSIEST]]


async def test_what_was_counted_by_channel_alone_is_counted_anew(
    database: Database, tally: TallyService, ask: Asking
) -> None:
    """As the version before did, and may do beside this one."""
    for days_ago in (0, 1, 8):
        await ask(NOW - timedelta(days=days_ago))
    await tally.catch_up()
    async with database.begin() as db:
        await db.execute(delete(TallyRow).where(TallyRow.span.in_(WHOLE.values())))
    assert (await figures(tally, Period.MONTH)).questions == 3


async def test_who_looks_sees_what_was_just_asked(tally: TallyService, ask: Asking, clock: Clock) -> None:
    await ask(NOW)
    await figures(tally)
    await ask(NOW)
    clock.now += timedelta(minutes=40)  # the answer came in the next hour
    await ask(clock.now, Answer("So."))
    found = await figures(tally)
    assert (found.questions, found.answered) == (3, 1)


async def test_day_that_is_over_is_summed_up(tally: TallyService, ask: Asking, clock: Clock) -> None:
    await ask(NOW)
    await figures(tally)
    await ask(NOW + timedelta(hours=8))
    clock.now += timedelta(days=2)
    await ask(clock.now)
    assert (await figures(tally, Period.WEEK)).questions == 3


async def test_late_feedback_and_deleted_sessions_are_seen_by_the_schedule(
    database: Database, tally: TallyService, ask: Asking, clock: Clock
) -> None:
    answer = await ask(NOW, Answer("So."))
    await ask(NOW, session=DISCORD)
    await figures(tally)
    clock.now += timedelta(days=1)
    await Reviews(database).give(Feedback(answer, "U9", Verdict.NOT_HELPFUL))
    await Sessions(database).delete(DISCORD)

    await tally.count_recent()
    found = (await tally.overview(Period.WEEK)).figures
    assert (found.questions, found.unhelpful) == (1, 1)

    clock.now += timedelta(days=5)
    await Sessions(database).delete(SLACK)
    await tally.count_all()
    assert (await tally.overview(Period.WEEK)).figures == Figures()


async def test_what_no_figure_reaches_back_to_is_dropped(tally: TallyService, ask: Asking, clock: Clock) -> None:
    await ask(NOW)
    await figures(tally)
    clock.now += timedelta(days=70)
    await tally.count_all()
    assert await tally.places() == []


async def test_two_processes_count_the_same_hours(database: Database, ask: Asking, clock: Clock) -> None:
    await ask(NOW)
    one, other = (TallyService(Tallies(database), clock) for _ in range(2))
    await asyncio.gather(*(service.catch_up() for service in (one, other) * 3))
    assert (await figures(other)).questions == 1
