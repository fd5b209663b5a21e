"""What needs attention, case by case, over real services; when nothing does, nothing is said."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.bootstrap import Services, open_services
from core.domain.conversation import Answer, Question, SessionKey
from core.domain.knowledge import RunStatus
from core.errors import StorageError
from core.operations.attention import Attention, Kind
from core.settings import Settings
from core.storage.engine import Database
from core.storage.ids import now
from core.storage.reviews import Reviews
from core.storage.spending import Spending


async def test_nothing_wrong_is_no_concern(services: Services) -> None:
    assert await services.attention.concerns() == ()


async def test_needed_part_that_is_down_is_grave(services: Services) -> None:
    async def gone() -> str:
        raise StorageError("The folder of the index is gone.")

    async def silent() -> str:
        raise StorageError("Slack does not answer.")

    services.health.add("slack", silent)
    services.health.add("index", gone, needed=True)
    first, second = await services.attention.look()
    assert (first.kind, first.subject, first.grave) == (Kind.PART, "index", True)
    assert first.said == "Index is down. The folder of the index is gone."
    assert (second.subject, second.grave) == ("slack", False)


async def test_language_model_that_cannot_be_reached_is_a_concern(ready_settings: Callable[..., Settings]) -> None:
    async with open_services(ready_settings(llm_base_url="http://127.0.0.1:9/v1")) as opened:
        [concern] = await opened.attention.look()
    assert (concern.kind, concern.subject) == (Kind.PART, "language model")
    assert "correct LLM_BASE_URL" in concern.said


async def test_source_that_could_not_be_read_is_a_concern_until_it_is_paused(services: Services) -> None:
    await services.sources.looked_at("knowledge", "3 of 5 pages: the site is away")
    [concern] = await services.attention.look()
    assert (concern.kind, concern.subject) == (Kind.SOURCE, "knowledge")
    assert "3 of 5 pages: the site is away" in concern.said

    source = await services.sources.get("knowledge")
    await services.sources.change("knowledge", replace(source, enabled=False))
    assert await services.attention.look() == ()


@pytest.fixture
async def stored(services: Services) -> AsyncIterator[Database]:
    """The database of the services."""
    opened = Database(services.settings.sqlalchemy_url)
    yield opened
    await opened.close()


@pytest.fixture
def attention_at(services: Services, stored: Database) -> Callable[..., Attention]:
    """What is seen at another time, with another schedule or with budgets."""

    def make(when: datetime, **settings: object) -> Attention:
        return Attention(
            services.health,
            services.sources,
            services.runs,
            services.settings.elsewhere(**settings),
            spending=Spending(stored),
            reviews=Reviews(stored),
            clock=lambda: when,
        )

    return make


async def test_index_is_stale_once_a_refresh_was_missed(attention_at: Callable[..., Attention]) -> None:
    daily = "17 3 * * *"
    assert await attention_at(now() + timedelta(minutes=5), refresh_cron=daily).look() == ()
    assert await attention_at(now() + timedelta(days=3)).look() == ()
    [concern] = await attention_at(now() + timedelta(days=3), refresh_cron=daily).look()
    assert concern.kind is Kind.INDEX
    assert "older than its schedule" in concern.said


async def test_source_that_its_own_schedule_missed_is_a_concern(
    services: Services, attention_at: Callable[..., Attention]
) -> None:
    source = await services.sources.get("knowledge")
    await services.sources.change("knowledge", replace(source, schedule="0 * * * *"))
    assert await attention_at(now()).look() == ()
    [concern] = await attention_at(now() + timedelta(hours=4)).look()
    assert (concern.kind, concern.subject) == (Kind.SOURCE, "knowledge")
    assert "was not read when its schedule said so" in concern.said


async def test_stale_index_says_why_the_last_refresh_failed(
    services: Services, attention_at: Callable[..., Attention]
) -> None:
    run = await services.runs.start("schedule")
    await services.runs.finish(run, RunStatus.FAILED, reason="No room was left.")
    [concern] = await attention_at(now() + timedelta(days=3), refresh_cron="17 3 * * *").look()
    assert concern.said.endswith("The last refresh failed: No room was left.")


async def test_budgets_from_eighty_per_cent_on_are_named_the_dearest_first(
    stored: Database, attention_at: Callable[..., Attention]
) -> None:
    when = datetime(2026, 11, 24, 12, tzinfo=UTC)
    spending = Spending(stored)
    for key, cost in {"slack:T1:U1": 799_999, "slack:T1:U2": 800_000, "slack:T1:U3": 1_200_000}.items():
        await spending.add(when.date(), [("user", key)], cost, 1)
    await spending.add(when.date() - timedelta(days=1), [("user", "slack:T1:U4")], 1_000_000, 1)

    concerns = await attention_at(when, budget_user=1.0, budget_channel=1.0).look()

    assert [(concern.kind, concern.subject) for concern in concerns] == [
        (Kind.BUDGET, "slack:T1:U3"),
        (Kind.BUDGET, "slack:T1:U2"),
    ]
    assert "1.20 of today's 1.00 dollars" in concerns[0].said


async def test_drafts_that_wait_are_one_concern(services: Services, stored: Database) -> None:
    reviews = Reviews(stored)
    for text in ("How?", "Why?"):
        question = Question(SessionKey("slack", "T1", "C1", text), text, f"event of {text}")
        await services.turns.claim(question)
        message = await services.turns.complete(question.event_id, Answer("So."))
        assert message
        await reviews.draft(message, "")
    [concern] = await services.attention.look()
    assert (concern.kind, concern.said.split(",")[0]) == (Kind.DRAFTS, "2 drafts wait")


async def test_those_who_ask_at_once_are_told_the_same(services: Services) -> None:
    first = await services.attention.concerns()
    await services.sources.looked_at("knowledge", "away")
    assert await services.attention.concerns() is first
