"""The same index on a Chroma server: same results as embedded, and sentences when the server is away."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.bootstrap import Services, open_services
from core.domain.knowledge import RunStatus, Stage
from core.errors import KnowledgeError
from core.knowledge.index.dense import IndexPlace, PassageIndex
from core.operations.health import State
from core.settings import Settings
from core.storage.migrate import migrate
from tests.serving import free_port, running_chroma

MakeSettings = Callable[..., Settings]
QUERIES = ["How do I roll a model back?", "Why does a job wait?", "drift threshold", "bread"]


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, psutil.Process]]:
    with running_chroma(tmp_path_factory.mktemp("chroma") / "data") as server:
        yield server


@pytest.fixture
async def on_server(
    make_settings: MakeSettings, tmp_path: Path, chroma: tuple[str, psutil.Process]
) -> AsyncIterator[Services]:
    """Services over an index that was built on the server."""
    settings = make_settings(var_dir=tmp_path / "server-var", chroma_url=chroma[0])
    await asyncio.to_thread(migrate, settings.sqlalchemy_url)
    async with open_services(settings) as opened:
        await opened.refresher.finished("test")
        yield opened


async def test_server_gives_the_results_of_embedded_chroma_and_is_healthy(
    services: Services, on_server: Services
) -> None:
    for query in QUERIES:
        embedded, served = [await each.retriever.search(query, 4) for each in (services, on_server)]
        assert [passage.id for passage in served] == [passage.id for passage in embedded]
        assert [p.score for p in served] == pytest.approx([p.score for p in embedded], abs=1e-3)
        assert [(p.text, p.heading_path, p.address) for p in served] == [
            (p.text, p.heading_path, p.address) for p in embedded
        ]
    assert not on_server.settings.index_dir.exists()
    parts = {part.name: part.state for part in (await on_server.health.measure()).parts}
    assert parts["index"] is State.UP


async def test_versions_of_the_server_are_promoted_and_retired_without_a_call_elsewhere(
    on_server: Services, chroma: tuple[str, psutil.Process]
) -> None:
    for _ in range(2):
        run = await on_server.refresher.finished("test", rebuild=True)
        assert run.status is RunStatus.PROMOTED
        assert (await on_server.retriever.search("drift threshold", 1))[0].document == "monitoring/gaugeworks.md"
    versions = await on_server.versions.all()
    assert [version.stage for version in versions] == [Stage.PRODUCTION, Stage.ARCHIVED, Stage.ARCHIVED]
    peers = {connection.raddr.ip for connection in chroma[1].net_connections() if connection.raddr}
    assert peers == {"127.0.0.1"}


async def test_collection_that_somebody_deleted_is_told(on_server: Services) -> None:
    live = await on_server.retriever.check()
    place = IndexPlace(on_server.settings.index_dir, on_server.settings.chroma_url)
    for _ in range(2):
        place.remove(live.id)
    with pytest.raises(KnowledgeError, match="refresh --rebuild"):
        await on_server.retriever.search("drift threshold", 1)


async def test_server_that_is_not_there_is_told(ready_settings: MakeSettings) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with open_services(ready_settings(chroma_url=url)) as services:
        with pytest.raises(KnowledgeError, match=f"Chroma server at {url} cannot be reached. Start it") as told:
            await services.retriever.search("drift")
        assert "\n" not in told.value.said
        with pytest.raises(KnowledgeError, match=f"Chroma server at {url} cannot be reached"):
            await services.refresher.finished("test", rebuild=True)
        health = await services.health.measure()
    index = next(part for part in health.parts if part.name == "index")
    assert (index.state, health.ready) == (State.DOWN, False)
    assert "cannot be reached" in index.detail


async def test_server_that_goes_away_is_told_by_the_next_search(make_settings: MakeSettings, tmp_path: Path) -> None:
    with running_chroma(tmp_path / "chroma") as (url, _):
        settings = make_settings(chroma_url=url)
        await asyncio.to_thread(migrate, settings.sqlalchemy_url)
        async with open_services(settings) as services:
            await services.refresher.finished("test")
            assert await services.retriever.search("drift", 1)
            await _stop(url)
            with pytest.raises(KnowledgeError, match="Chroma server"):
                await services.retriever.search("drift", 1)


async def _stop(url: str) -> None:
    port = int(url.rpartition(":")[2])
    [server] = [
        child
        for child in psutil.Process().children()
        if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in child.net_connections())
    ]
    server.kill()
    await asyncio.to_thread(server.wait)


async def test_server_behind_an_ipv6_address_or_with_a_slash_is_found(
    make_settings: MakeSettings, chroma: tuple[str, psutil.Process]
) -> None:
    IndexPlace(Path("unused"), make_settings(chroma_url=chroma[0] + "/").chroma_url).ping()


def test_looking_at_the_server_again_and_again_costs_no_memory(chroma: tuple[str, psutil.Process]) -> None:
    place, process = IndexPlace(Path("unused"), chroma[0]), psutil.Process()
    place.ping()
    before = process.memory_info().rss
    for _ in range(30):
        place.ping()
    assert process.memory_info().rss - before < 10 * 2**20


async def test_version_that_is_closed_leaves_the_others_their_connection(on_server: Services) -> None:
    live = await on_server.retriever.check()
    place = IndexPlace(on_server.settings.index_dir, on_server.settings.chroma_url)
    PassageIndex.open(place, live.id, passages=live.passages).close()
    assert await on_server.retriever.search("drift threshold", 1)
