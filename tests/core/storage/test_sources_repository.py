"""Where pages come from: stored, changed and removed, and the defaults that are stored once. SQLite and Postgres."""

import asyncio
from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from core.domain.knowledge import Document, Look, PageNews, Source, SourceKind
from core.errors import InputError, UnknownSource
from core.storage.library import Library
from core.storage.sources import Sources

SHIPPED = Source("knowledge", SourceKind.FOLDER, "/pages")
WEB = Source("mlflow", SourceKind.SITEMAP, "https://mlflow.org/sitemap.xml", "MLflow", include=("*/docs/*", "*/api/*"))
REPOSITORY = Source(
    "dvc",
    SourceKind.GIT,
    "https://example.org/dvc.git",
    "DVC",
    ref="main",
    folder="content/docs",
    internal=True,
    enabled=False,
    max_pages=7,
)


async def names(sources: Sources) -> list[str]:
    return [source.name for source in await sources.all()]


async def test_source_comes_back_as_it_was_added(sources: Sources) -> None:
    for source in (WEB, REPOSITORY, SHIPPED):
        await sources.add(source)
    assert await sources.all() == [REPOSITORY, SHIPPED, WEB]
    assert await sources.get("dvc") == REPOSITORY


async def test_name_that_is_taken_is_refused_and_the_first_stays(sources: Sources) -> None:
    await sources.add(WEB)
    with pytest.raises(InputError, match=r"'mlflow' already\. Choose another name"):
        await sources.add(replace(WEB, location="https://example.org"))
    assert await sources.all() == [WEB]


async def test_unknown_source_is_told_by_its_name(sources: Sources) -> None:
    for asked in (sources.get("none"), sources.remove("none"), sources.change("none", WEB)):
        with pytest.raises(UnknownSource, match="no source 'none'"):
            await asked


async def test_changed_source_keeps_its_name_and_its_pages(sources: Sources, library: Library) -> None:
    await sources.add(WEB)
    await library.record("mlflow", [fresh("mlflow/a")], grace=timedelta(days=1))
    await sources.change("mlflow", replace(WEB, name="ignored", max_pages=3, include=()))
    assert await sources.all() == [replace(WEB, max_pages=3, include=())]
    assert [page.path for page in await library.pages("mlflow")] == ["mlflow/a"]


async def test_removed_source_takes_its_pages_along_and_no_others(sources: Sources, library: Library) -> None:
    for source in (WEB, REPOSITORY):
        await sources.add(source)
        await library.record(source.name, [fresh(f"{source.name}/a")], grace=timedelta(days=1))
    await sources.remove("mlflow")
    assert await names(sources) == ["dvc"]
    assert await library.held() == {"dvc/a": "hash of dvc/a"}


async def test_look_is_noted_with_what_went_wrong(sources: Sources) -> None:
    await sources.add(WEB)
    await sources.looked_at("mlflow", "The sitemap is away.")
    seen = await sources.get("mlflow")
    assert seen.problem == "The sitemap is away."
    assert seen.refreshed_at is not None
    assert seen.refreshed_at.tzinfo is UTC
    await sources.looked_at("mlflow", "")
    assert (await sources.get("mlflow")).problem == ""


async def test_look_at_a_source_that_is_gone_meanwhile_is_no_error(sources: Sources) -> None:
    await sources.looked_at("none", "")
    assert await sources.all() == []


async def test_pages_of_sources_are_counted_as_far_as_they_are_indexed(sources: Sources, library: Library) -> None:
    for source in (WEB, REPOSITORY):
        await sources.add(source)
    failed = PageNews("c", "mlflow/c", Look.FAILED, reason="away")
    await library.record("mlflow", [fresh("mlflow/a"), fresh("mlflow/b"), failed], grace=timedelta(days=1))
    assert await sources.page_counts() == {"mlflow": 2}


async def test_defaults_are_stored_once(sources: Sources) -> None:
    for _ in range(2):
        await sources.begin_with([SHIPPED, WEB])
    assert await sources.all() == [SHIPPED, WEB]


async def test_default_that_was_removed_does_not_come_back(sources: Sources) -> None:
    await sources.begin_with([SHIPPED, WEB])
    await sources.remove("mlflow")
    await sources.begin_with([SHIPPED, WEB, REPOSITORY])
    assert await names(sources) == ["dvc", "knowledge"]


async def test_default_that_was_changed_stays_changed(sources: Sources) -> None:
    await sources.begin_with([SHIPPED, WEB])
    changed = replace(WEB, location="https://mirror.example.org/sitemap.xml", enabled=False)
    await sources.change("mlflow", changed)
    await sources.begin_with([SHIPPED, WEB])
    assert await sources.get("mlflow") == changed


async def test_folder_that_ships_follows_its_setting(sources: Sources) -> None:
    await sources.begin_with([SHIPPED])
    await sources.begin_with([replace(SHIPPED, location="/elsewhere")])
    assert (await sources.get("knowledge")).location == "/elsewhere"


async def test_new_default_leaves_a_source_of_the_owner_with_that_name_alone(sources: Sources) -> None:
    own = replace(WEB, location="https://own.example.org/sitemap.xml")
    await sources.add(own)
    await sources.begin_with([SHIPPED, WEB])
    assert await sources.all() == [SHIPPED, own]
    await sources.remove("mlflow")
    await sources.begin_with([SHIPPED, WEB])
    assert await names(sources) == ["knowledge"]


async def test_processes_that_start_at_once_store_the_defaults_once(sources: Sources) -> None:
    await asyncio.gather(*(sources.begin_with([SHIPPED, WEB]) for _ in range(3)))
    assert await sources.all() == [SHIPPED, WEB]


def fresh(path: str) -> PageNews:
    document = Document(path, "Title", "Tool", f"/{path}", "", "text", f"hash of {path}")
    return PageNews(path, path, Look.FRESH, document)
