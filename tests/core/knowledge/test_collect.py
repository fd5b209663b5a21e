"""Looking at all sources: what is found is written down, and no source spoils the look at another one."""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from core.domain.knowledge import PageStatus, Progress, Source, SourceKind
from core.errors import SchemaOutdated
from core.knowledge.collect import BATCH, Collector
from core.knowledge.gathering.fetch import Fetcher
from core.knowledge.gathering.gather import Gathered, Gatherer
from core.settings import load_settings
from core.storage.engine import Database
from core.storage.library import Library
from core.storage.migrate import migrate
from core.storage.sources import Sources
from tests.emulators.site import Site

GRACE = timedelta(days=7)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().open() as opened:
        yield opened


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated SQLite database."""
    url = load_settings(database_url=f"sqlite:///{tmp_path / 'test.db'}").sqlalchemy_url
    await asyncio.to_thread(migrate, url)
    opened = Database(url)
    yield opened
    await opened.close()


class World:
    """A collector with its sources and its library; `told` is the progress."""

    def __init__(self, database: Database, gatherer: Gatherer) -> None:
        self.sources = Sources(database)
        self.library = Library(database)
        self.collector = Collector(self.sources, self.library, gatherer, GRACE)
        self.told: list[Progress] = []

    async def look(self, *, network: bool = True, afresh: bool = False) -> int:
        return await self.collector.collect(self.tell, lambda source: network or not source.kind.remote, afresh=afresh)

    async def tell(self, progress: Progress) -> None:
        self.told.append(progress)

    async def problem(self, name: str) -> str:
        return (await self.sources.get(name)).problem

    async def paths(self) -> list[str]:
        return sorted(await self.library.held())


@pytest.fixture
def gatherer(tmp_path: Path) -> Iterator[Gatherer]:
    fetcher = Fetcher(gap=0, sleep=lambda _: None)
    yield Gatherer(fetcher, tmp_path / "repositories")
    fetcher.close()


@pytest.fixture
def world(database: Database, gatherer: Gatherer) -> World:
    return World(database, gatherer)


def article(title: str) -> str:
    words = "A tool runs the pipeline of a model from its data to its registry, one step after the other. "
    body = f"<main><h1>{title}</h1><p>{words * 4}</p></main>"
    return f"<html lang=en><head><title>{title}</title></head><body>{body}</body></html>"


def sitemap(site: Site, *paths: str) -> Source:
    """A source of these pages; each says its path."""
    for path in paths:
        site.put(path, article(path))
    locations = "".join(f"<url><loc>{site.url}{path}</loc></url>" for path in paths)
    address = site.put("/sitemap.xml", f"<urlset>{locations}</urlset>", Content_Type="application/xml")
    return Source("site", SourceKind.SITEMAP, address, internal=True)


def folder(tmp_path: Path, name: str, *pages: str) -> Source:
    (tmp_path / name).mkdir()
    for page in pages:
        (tmp_path / name / page).write_text(f"# {page}\n\nIt says something.\n")
    return Source(name, SourceKind.FOLDER, str(tmp_path / name))


async def test_pages_of_all_sources_are_written_down(world: World, site: Site, tmp_path: Path) -> None:
    await world.sources.add(sitemap(site, "/a", "/b"))
    await world.sources.add(folder(tmp_path, "notes", "one.md"))
    assert await world.look() == 0
    host = f"site/127.0.0.1:{site.port}"
    assert await world.paths() == ["notes/one.md", f"{host}/a", f"{host}/b"]
    assert (world.told[-1].stage, world.told[-1].done, world.told[-1].total) == ("reading", 3, 3)
    assert {await world.problem(name) for name in ("site", "notes")} == {""}
    assert all(source.refreshed_at for source in await world.sources.all())


async def test_second_look_asks_with_validators_and_changes_nothing(world: World, site: Site) -> None:
    await world.sources.add(sitemap(site, "/a"))
    site.put("/a", article("/a"), ETag='"1"')
    await world.look()
    held = await world.library.held()
    await world.look()
    assert site.requests[-1].headers.get("If-None-Match") == '"1"'
    assert await world.library.held() == held
    await world.look(afresh=True)
    assert "If-None-Match" not in site.requests[-1].headers


async def test_look_without_the_network_asks_no_site(world: World, site: Site, tmp_path: Path) -> None:
    await world.sources.add(sitemap(site, "/a"))
    await world.sources.add(folder(tmp_path, "notes", "one.md"))
    await world.look(network=False)
    assert site.requests == []
    assert await world.paths() == ["notes/one.md"]
    assert (await world.sources.get("site")).refreshed_at is None


async def test_source_that_is_switched_off_is_left_alone(world: World, tmp_path: Path) -> None:
    notes = folder(tmp_path, "notes", "one.md")
    await world.sources.add(Source("notes", notes.kind, notes.location, enabled=False))
    assert await world.look() == 0
    assert await world.paths() == []


async def test_source_that_cannot_be_listed_keeps_its_pages_and_says_why(
    world: World, site: Site, tmp_path: Path
) -> None:
    await world.sources.add(sitemap(site, "/a"))
    await world.sources.add(folder(tmp_path, "notes", "one.md"))
    await world.look()
    before = await world.paths()
    site.put("/sitemap.xml", "gone", status=404)
    assert await world.look() == 1
    assert await world.paths() == before
    assert await world.problem("site")
    assert await world.problem("notes") == ""
    sitemap(site, "/a")
    assert await world.look() == 0
    assert await world.problem("site") == ""


async def test_page_that_fails_is_counted_and_told_beside_it(world: World, site: Site) -> None:
    await world.sources.add(sitemap(site, "/a", "/b"))
    await world.look()
    site.put("/a", "teapot", status=418)
    assert await world.look() == 1
    assert len(await world.paths()) == 2
    [problem] = await world.library.problems()
    assert (problem.location, problem.status) == (f"{site.url}/a", PageStatus.FAILED)
    assert await world.problem("site") == f"1 page could not be read: {problem.reason}"
    site.put("/b", "gone", status=410)
    assert await world.look() == 1
    failed, gone = await world.library.problems()
    said = f"1 page could not be read: {failed.reason} 1 page is gone: {gone.reason}"
    assert await world.problem("site") == said
    site.put("/b", "teapot", status=418)
    assert await world.look() == 2
    assert (await world.problem("site")).startswith("2 pages could not be read, the first of them: ")


async def test_source_that_is_removed_while_it_is_looked_at_leaves_nothing(world: World, site: Site) -> None:
    await world.sources.add(sitemap(site, *(f"/{number}" for number in range(BATCH + 2))))

    async def remove(progress: Progress) -> None:
        if progress.done and await world.sources.all():
            await world.sources.remove("site")

    assert await world.collector.collect(remove, lambda _: True, afresh=False) == 0
    assert await world.sources.all() == []
    assert await world.paths() == []


class Faulty(Gatherer):
    """Trips over one source, as a library does over what nobody thought of."""

    def look(self, source: Source, known: Any, *, afresh: bool = False) -> Generator[Gathered]:
        if source.name == "odd":
            raise ZeroDivisionError
        yield from super().look(source, known, afresh=afresh)


async def test_fault_of_ours_at_one_source_spoils_no_other(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fetcher = Fetcher(gap=0)
    world = World(database, Faulty(fetcher, tmp_path / "repositories"))
    await world.sources.add(folder(tmp_path, "odd", "one.md"))
    await world.sources.add(folder(tmp_path, "notes", "one.md"))
    assert await world.look() == 1
    assert await world.paths() == ["notes/one.md"]
    assert "a fault of ours (ZeroDivisionError)" in await world.problem("odd")
    assert "The source odd could not be read" in caplog.text
    fetcher.close()


async def test_database_that_fails_is_no_fault_of_the_source(world: World, database: Database, tmp_path: Path) -> None:
    await world.sources.add(folder(tmp_path, "notes", "one.md"))
    async with database.begin() as db:
        await db.execute(text("DROP TABLE contents"))
    with pytest.raises(SchemaOutdated):
        await world.look()


async def test_nothing_to_look_at_is_no_problem(world: World) -> None:
    assert await world.look() == 0
