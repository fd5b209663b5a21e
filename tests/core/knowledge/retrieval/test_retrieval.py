"""Finding passages in the live version."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable

import pytest

from core.bootstrap import Services, open_services
from core.errors import IndexCorrupt, IndexMissing
from core.settings import Settings
from core.storage.migrate import migrate

MakeSettings = Callable[..., Settings]


@pytest.fixture
async def unbuilt(make_settings: MakeSettings) -> AsyncIterator[Services]:
    """Services before the first build."""
    settings = make_settings()
    await asyncio.to_thread(migrate, settings.sqlalchemy_url)
    async with open_services(settings) as services:
        yield services


async def test_passage_is_found_with_all_that_a_source_needs(services: Services) -> None:
    best = (await services.retriever.search("How do I roll a model back in Quillstore?"))[0]
    assert (best.document, best.title, best.product) == ("quillstore.md", "Store models with Quillstore", "Quillstore")
    assert best.heading_path == ("Store models with Quillstore", "Roll a Quillstore model back")
    assert best.address == "http://127.0.0.1:8000/admin/knowledge/quillstore.md#roll-a-quillstore-model-back"
    assert "quill label churn 3 live" in best.text
    assert 0.5 < best.score <= 1


async def test_best_passages_come_first(services: Services) -> None:
    found = await services.retriever.search("Why does a job wait?", 50)
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)
    assert len({p.id for p in found}) == len(found)
    live = await services.retriever.check()
    assert len(found) == live.passages


@pytest.mark.parametrize("count", [1, 3])
async def test_as_many_passages_come_as_were_asked_for(services: Services, count: int) -> None:
    assert len(await services.retriever.search("drift", count)) == count


@pytest.mark.parametrize("query", ["", " ", "?", "😀", "drift " * 2000, "' OR 1=1 --"])
async def test_any_query_can_be_searched(services: Services, query: str) -> None:
    assert len(await services.retriever.search(query, 2)) == 2


@pytest.mark.parametrize(
    ("public_url", "begin"),
    [
        ("https://assistant.example.org", "https://assistant.example.org/admin/knowledge/"),
        ("https://example.org:8443/", "https://example.org:8443/admin/knowledge/"),
    ],
)
async def test_addresses_lead_to_where_people_reach_the_console(
    ready_settings: MakeSettings, public_url: str, begin: str
) -> None:
    async with open_services(ready_settings(public_url=public_url)) as services:
        found = await services.retriever.search("drift")
    assert all(passage.address.startswith(begin) for passage in found)


async def test_address_below_a_path_of_a_proxy_keeps_that_path(ready_settings: MakeSettings) -> None:
    async with open_services(ready_settings(public_url="https://example.org/assistant")) as services:
        [best] = await services.retriever.search("drift threshold", 1)
    assert best.address.startswith("https://example.org/assistant/admin/knowledge/monitoring/gaugeworks.md")


async def test_search_before_the_first_build_asks_for_a_refresh(unbuilt: Services) -> None:
    with pytest.raises(IndexMissing, match="mlops-assistant refresh"):
        await unbuilt.retriever.search("drift")
    with pytest.raises(IndexMissing, match="mlops-assistant refresh"):
        await unbuilt.retriever.check()


async def test_first_build_is_found_without_a_restart(unbuilt: Services) -> None:
    with pytest.raises(IndexMissing):
        await unbuilt.retriever.search("drift")
    await unbuilt.refresher.finished("test")
    assert (await unbuilt.retriever.search("drift threshold", 1))[0].document == "monitoring/gaugeworks.md"


async def test_missing_files_are_told_and_a_rebuild_mends_them(services: Services) -> None:
    shutil.rmtree(services.settings.index_dir)
    with pytest.raises(IndexCorrupt, match="refresh --rebuild"):
        await services.retriever.search("drift")
    await services.refresher.finished("test", rebuild=True)
    assert (await services.retriever.search("drift threshold", 1))[0].document == "monitoring/gaugeworks.md"


async def test_damaged_files_are_told_and_a_rebuild_mends_them(services: Services) -> None:
    [version] = services.settings.index_dir.iterdir()
    (version / "chroma.sqlite3").write_bytes(b"damaged " * 10_000)
    with pytest.raises(IndexCorrupt, match="refresh --rebuild"):
        await services.retriever.search("drift")
    await services.refresher.finished("test", rebuild=True)
    assert (await services.retriever.search("drift threshold", 1))[0].document == "monitoring/gaugeworks.md"


async def test_refresh_of_unchanged_pages_does_not_hide_missing_files(services: Services) -> None:
    shutil.rmtree(services.settings.index_dir)
    await services.refresher.finished("start")
    with pytest.raises(IndexCorrupt, match="refresh --rebuild"):
        await services.retriever.search("drift")


async def test_many_questions_at_once_are_all_answered(services: Services) -> None:
    queries = ["store a model", "drift threshold", "why does a job wait"] * 7
    results = await asyncio.gather(*(services.retriever.search(query, 1) for query in queries))
    documents = [result[0].document for result in results]
    assert documents == ["quillstore.md", "monitoring/gaugeworks.md", "drumline.md"] * 7
