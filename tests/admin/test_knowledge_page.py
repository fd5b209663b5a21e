import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing import User

from admin.components import documents as document_list
from admin.components.reindex import ending, how_far
from core.bootstrap import Services, open_services
from core.domain.knowledge import Progress, RefreshRun, RunStatus
from core.settings import Settings
from core.storage.ids import now
from core.storage.migrate import migrate

PATIENCE = 300
"""Looks at the page, a tenth of a second apart, until a refresh must have ended."""


async def test_page_shows_the_live_index_and_its_documents(owner: User) -> None:
    await owner.open("/knowledge")

    for text in ("3 documents", "revision", "Store models with Quillstore", "quillstore.md", "Gaugeworks", "Production",
                 "Promoted", "asked by test", "went live", "3 added", "Not evaluated yet"):  # fmt: skip
        await owner.should_see(text)


async def test_documents_can_be_searched(owner: User) -> None:
    await owner.open("/knowledge")

    owner.find(kind=ui.input).type("timetable")

    await owner.should_not_see("Store models with Quillstore")
    await owner.should_see("Schedule training with Drumline")
    owner.find(kind=ui.input).type(" of trains")
    await owner.should_see("No document matches")


async def test_documents_can_be_kept_to_a_source_and_a_product(owner: User) -> None:
    await owner.open("/knowledge?source=knowledge")
    await owner.should_see("3 documents")

    product = next(iter(owner.find(kind=ui.select, content="All products").elements))
    product.set_value("Drumline")

    await owner.should_see("1 document")
    await owner.should_not_see("Store models with Quillstore")
    owner.find(kind=ui.input).type("Quillstore keeps trained models under")
    await owner.should_see("No document matches")
    product.set_value("")
    await owner.should_see("Store models with Quillstore")


async def test_long_list_of_documents_is_shown_in_parts(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_list, "STEP", 2)
    await owner.open("/knowledge")
    await owner.should_see("The first 2 documents")
    await owner.should_not_see("Store models with Quillstore")

    owner.find("Show more").click()

    await owner.should_see("Store models with Quillstore")
    await owner.should_not_see("Show more")


async def test_reindex_of_unchanged_pages_says_so(owner: User) -> None:
    await owner.open("/knowledge")

    owner.find("Re-index now").click()

    await owner.should_see("Nothing has changed since the last refresh", retries=PATIENCE)
    await owner.should_see("asked by console")
    await owner.should_see("Unchanged")


async def test_rebuild_makes_a_new_version_and_shows_its_progress(
    owner: User, console_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Progress] = []
    refresh = console_services.refresher.refresh

    async def watched(trigger: str, **options: Any) -> AsyncGenerator[Progress | RefreshRun]:
        async for item in refresh(trigger, **options):
            if isinstance(item, Progress):
                seen.append(item)
            yield item
            if isinstance(item, Progress) and item.total:
                await owner.should_see(f"{item.done:,} of {item.total:,} {item.unit}")

    monkeypatch.setattr(console_services.refresher, "refresh", watched)
    await owner.open("/knowledge")
    owner.find("Rebuild even if nothing changed").click()
    owner.find("Re-index now").click()

    await owner.should_see("A new version is live: the same pages.", retries=PATIENCE)
    await owner.should_see("Archived")
    assert any(progress.total for progress in seen)
    assert len(await console_services.versions.all()) == 2
    button = next(iter(owner.find(kind=ui.button, content="Re-index now").elements))
    assert button.enabled


async def test_refresh_that_runs_already_is_followed_when_the_page_opens(
    owner: User, console_services: Services
) -> None:
    running = console_services.refresher.refresh("schedule", rebuild=True)
    await anext(running)

    await owner.open("/knowledge")

    await owner.should_see("A new version is live", retries=PATIENCE)
    assert [item async for item in running][-1].status is RunStatus.PROMOTED
    triggers = [run.trigger for run in await console_services.runs.latest()]
    assert triggers == ["schedule", "test"]


async def test_source_that_cannot_be_read_is_counted_and_linked(owner: User, console_services: Services) -> None:
    shipped = await console_services.sources.get("knowledge")
    await console_services.sources.begin_with([shipped.__class__("knowledge", shipped.kind, "/nowhere/at/all")])
    await owner.open("/knowledge")

    owner.find("Re-index now").click()

    await owner.should_see("1 problem at the sources", retries=PATIENCE)
    await owner.should_see("3 documents")


async def test_failed_refresh_gives_its_reason(owner: User, console_services: Services) -> None:
    await console_services.sources.remove("knowledge")
    await owner.open("/knowledge")

    owner.find("Re-index now").click()

    await owner.should_see("There is no page to index", retries=PATIENCE)
    await owner.should_see("Failed")
    await owner.should_see("No documents")


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (Progress("reading"), "Reading"),
        (Progress("reading", 40, 120, seconds=0.5), "Reading: 40 of 120 pages"),
        (Progress("reading", 38, 114, seconds=1), "Reading: 38 of 114 pages · 38 pages/s · a few seconds left"),
        (Progress("embedding", 4, 40, seconds=4.0), "Embedding: 4 of 40 pages · 1.0 pages/s · about 40 s left"),
        (Progress("reading", 50, 650, seconds=50), "Reading: 50 of 650 pages · 1.0 pages/s · about 10 min left"),
        (Progress("reading", 9, 9, seconds=3), "Reading: 9 of 9 pages · 3.0 pages/s"),
    ],
)  # fmt: skip
def test_progress_tells_how_far_how_fast_and_how_long(progress: Progress, said: str) -> None:
    assert how_far(progress) == said


def test_version_that_waits_in_staging_says_why() -> None:
    run = RefreshRun("1", "console", RunStatus.STAGED, now(), reason="It stays in Staging: MRR fell from 0.9 to 0.1.")

    assert ending(run) == "A new version was built and waits. It stays in Staging: MRR fell from 0.9 to 0.1."


class TestBeforeTheFirstBuild:
    @pytest.fixture
    async def console_services(self, make_settings: Callable[..., Settings]) -> AsyncIterator[Services]:
        settings = make_settings(admin_password="a fine console password")
        await asyncio.to_thread(migrate, settings.sqlalchemy_url)
        async with open_services(settings) as opened:
            yield opened

    async def test_page_says_what_to_do_and_does_it(self, owner: User) -> None:
        await owner.open("/knowledge")
        await owner.should_see("Nothing is indexed yet")
        await owner.should_see("No documents")
        await owner.should_see("None has been built yet")

        owner.find(kind=ui.button, content="Undo the last change").click()
        await owner.should_see("There is nothing to roll back")
        owner.find(kind=ui.button, content="Re-index now").click()

        await owner.should_see("A new version is live: 3 added.", retries=PATIENCE)
        await owner.should_see("3 documents")
        await owner.should_not_see("Nothing is indexed yet")

    async def test_playground_says_what_to_do(self, owner: User) -> None:
        await owner.open("/playground")
        owner.find(kind=ui.textarea).type("How do I push a model?")
        owner.find(kind=ui.button, content="Ask").click()

        await owner.should_see("There is no index yet.", retries=PATIENCE)

    async def test_health_tells_that_questions_cannot_be_answered(self, owner: User) -> None:
        await owner.open("/health")

        await owner.should_see("Questions cannot be answered now", retries=PATIENCE)
