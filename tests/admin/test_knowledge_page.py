import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import pytest
from nicegui import ui
from nicegui.testing import User

from core.bootstrap import Services, open_services
from core.domain.knowledge import Progress, RefreshRun, RunStatus
from core.settings import Settings
from core.storage.migrate import migrate

PATIENCE = 300
"""Looks at the page, a tenth of a second apart, until a refresh must have ended."""


async def test_page_shows_the_live_index_and_its_documents(owner: User) -> None:
    await owner.open("/knowledge")

    for text in ("3 documents", "Store models with Quillstore", "quillstore.md", "Gaugeworks", "Production",
                 "Promoted", "asked by test"):  # fmt: skip
        await owner.should_see(text)


async def test_documents_can_be_searched(owner: User) -> None:
    await owner.open("/knowledge")

    owner.find(kind=ui.input).type("timetable")

    await owner.should_not_see("Store models with Quillstore")
    await owner.should_see("Schedule training with Drumline")
    owner.find(kind=ui.input).type(" of trains")
    await owner.should_see("No document matches")


async def test_reindex_of_unchanged_pages_says_so(owner: User) -> None:
    await owner.open("/knowledge")

    owner.find("Re-index now").click()

    await owner.should_see("Nothing has changed since the last build", retries=PATIENCE)
    await owner.should_see("asked by console")
    await owner.should_see("Unchanged")


async def test_rebuild_makes_a_new_version_and_shows_its_progress(
    owner: User, console_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Progress] = []
    refresh = console_services.refresher.refresh

    async def watched(trigger: str, *, rebuild: bool = False) -> AsyncGenerator[Progress | RefreshRun]:
        async for item in refresh(trigger, rebuild=rebuild):
            if isinstance(item, Progress):
                seen.append(item)
            yield item
            if isinstance(item, Progress) and item.total:
                await owner.should_see(f"{item.done:,} of {item.total:,}")

    monkeypatch.setattr(console_services.refresher, "refresh", watched)
    await owner.open("/knowledge")
    owner.find("Rebuild even if nothing changed").click()
    owner.find("Re-index now").click()

    await owner.should_see("A new version is live.", retries=PATIENCE)
    await owner.should_see("Archived")
    assert any(progress.total for progress in seen)
    assert len(await console_services.library.versions()) == 2
    button = next(iter(owner.find(kind=ui.button, content="Re-index now").elements))
    assert button.enabled


async def test_refresh_that_runs_already_is_followed_when_the_page_opens(
    owner: User, console_services: Services
) -> None:
    running = console_services.refresher.refresh("schedule", rebuild=True)
    await anext(running)

    await owner.open("/knowledge")

    await owner.should_see("A new version is live.", retries=PATIENCE)
    assert [item async for item in running][-1].status is RunStatus.PROMOTED
    triggers = [run.trigger for run in await console_services.library.runs()]
    assert triggers == ["schedule", "test"]


async def test_failed_refresh_gives_its_reason(owner: User, console_services: Services) -> None:
    knowledge = console_services.settings.knowledge_dir
    console_services.refresher._knowledge_dir = knowledge / "missing"
    await owner.open("/knowledge")

    owner.find("Re-index now").click()

    await owner.should_see("is missing. Correct KNOWLEDGE_DIR.", retries=PATIENCE)
    await owner.should_see("Failed")
    await owner.should_see("3 documents")


async def test_document_is_shown_with_product_reference_and_anchors(owner: User) -> None:
    await owner.open("/knowledge")
    targets = [link.props["href"] for link in owner.find(kind=ui.link).elements]
    assert "/knowledge/quillstore.md" in targets
    await owner.open("/knowledge/quillstore.md")

    await owner.should_see("Quillstore keeps trained models")
    await owner.should_see("quillstore.md")
    reference = next(iter(owner.find(kind=ui.link, content="Reference").elements))
    assert reference.props["href"] == "https://example.org/quillstore"
    html = next(iter(owner.find(kind=ui.html).elements)).props["innerHTML"]
    assert 'id="push-a-model-to-quillstore"' in html
    assert "<h1" not in html


async def test_every_passage_links_to_an_anchor_that_exists(owner: User, console_services: Services) -> None:
    found = await console_services.retriever.search("Drumline Quillstore Gaugeworks", 20)
    addresses = {passage.address for passage in found if "#" in passage.address}
    assert addresses

    for address in addresses:
        path, _, fragment = address.removeprefix(f"{console_services.settings.address}/admin").partition("#")
        await owner.open(path)
        html = next(iter(owner.find(kind=ui.html).elements)).props["innerHTML"]
        assert f'id="{fragment}"' in html


@pytest.mark.parametrize("path", ["missing.md", "../../../etc/passwd", "%2e%2e/settings.py", "monitoring/"])
async def test_unknown_page_says_so(owner: User, path: str) -> None:
    reply = await owner.http_client.get(f"/knowledge/{path}")

    assert reply.status_code == 404


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

        owner.find(kind=ui.button, content="Re-index now").click()

        await owner.should_see("A new version is live.", retries=PATIENCE)
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
