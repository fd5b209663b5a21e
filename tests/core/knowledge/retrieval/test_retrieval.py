"""Finding passages in the live version."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from core.bootstrap import Services, open_services
from core.domain.knowledge import Source, SourceKind
from core.errors import IndexCorrupt, IndexMissing
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE, Scope
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


async def test_the_same_passage_comes_once_however_many_are_asked_for(services: Services) -> None:
    found = await services.retriever.search("Why does a job wait?", 50)
    assert len({passage.id for passage in found}) == len(found)
    assert found[0].document == "drumline.md"
    assert all(0 <= passage.score <= 1 and -1 <= passage.similarity <= 1 for passage in found)


@pytest.mark.parametrize("count", [1, 3])
async def test_as_many_passages_come_as_were_asked_for(services: Services, count: int) -> None:
    found = await services.retriever.search("How are models stored, checked for drift and scheduled?", count)
    assert len(found) == count


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


async def test_refresh_mends_missing_files_though_no_page_changed(services: Services) -> None:
    shutil.rmtree(services.settings.index_dir)
    await services.refresher.finished("start")
    assert (await services.retriever.search("drift threshold", 1))[0].document == "monitoring/gaugeworks.md"


async def test_many_questions_at_once_are_all_answered(services: Services) -> None:
    queries = ["store a model", "drift threshold", "why does a job wait"] * 7
    results = await asyncio.gather(*(services.retriever.search(query, 1) for query in queries))
    documents = [result[0].document for result in results]
    assert documents == ["quillstore.md", "monitoring/gaugeworks.md", "drumline.md"] * 7


QUESTIONS = [
    ("How do I roll a model back in Quillstore?", "quillstore.md"),
    ("QUILL_BUCKET", "quillstore.md"),
    ("quill bucket", "quillstore.md"),
    ("whihc bukcet does Quilstore write to", "quillstore.md"),
]


@pytest.mark.parametrize(("question", "page"), QUESTIONS)
async def test_words_identifiers_their_parts_and_typing_errors_find_their_page(
    services: Services, question: str, page: str
) -> None:
    best = (await services.retriever.search(question))[0]
    assert best.document == page
    assert best.score >= SUPPORTING_SCORE


@pytest.mark.parametrize("question", ["Which wine goes with octopus?", "Will it rain tomorrow?", "hello there"])
async def test_what_no_page_speaks_of_stays_below_the_line(services: Services, question: str) -> None:
    assert all(passage.score < SUPPORTING_SCORE for passage in await services.retriever.search(question))


async def test_search_is_kept_to_products(services: Services) -> None:
    found = await services.retriever.search("store a model", scope=Scope(products=("Gaugeworks",)))
    assert {passage.product for passage in found} == {"Gaugeworks"}
    both = await services.retriever.search("store a model", 9, Scope(products=("Gaugeworks", "Quillstore")))
    assert {passage.product for passage in both} == {"Gaugeworks", "Quillstore"}
    assert await services.retriever.search("store a model", scope=Scope(products=("Nothing",))) == []


async def test_search_is_kept_to_sources(services: Services, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "lanterns.md").write_text("# Lanterns\n\nA lantern stores a model in a box.\n")
    await services.sources.add(Source("more", SourceKind.FOLDER, str(folder), product="Quillstore"))
    await services.refresher.finished("test")
    found = await services.retriever.search("store a model", scope=Scope(sources=("more",)))
    assert [passage.document for passage in found] == ["more/lanterns.md"]
    scope = Scope(sources=("knowledge",), products=("Quillstore",))
    assert {p.document for p in await services.retriever.search("store a model", scope=scope)} == {"quillstore.md"}


async def test_ranking_of_pages_names_each_once(services: Services) -> None:
    found = await services.retriever.find("store a model")
    assert found.pages[0] == "quillstore.md"
    assert len(set(found.pages)) == len(found.pages)
    assert found.score == max(passage.score for passage in found.passages)
