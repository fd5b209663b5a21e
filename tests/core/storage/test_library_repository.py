"""Documents, index versions and refresh runs, on SQLite and on Postgres."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

from sqlalchemy import select

from core.domain.knowledge import Document, IndexVersion, RunStatus, Stage
from core.storage.engine import Database
from core.storage.library import Library
from core.storage.models import DocumentRow, IndexVersionRow, new_id, now


def version(fingerprint: str = "f") -> IndexVersion:
    return IndexVersion(new_id(), Stage.PRODUCTION, fingerprint, 3, 40, 1.25, now())


def page(path: str, text: str = "text", **fields: str) -> Document:
    words = {"title": path.capitalize(), "product": "Tool", "address": f"/{path}", "reference": "", **fields}
    return Document(path=path, text=text, content_hash=text, **words)


async def stages(library: Library) -> list[Stage]:
    return [entry.stage for entry in await library.versions()]


async def test_no_version_is_live_before_the_first_build(library: Library) -> None:
    assert await library.production() is None
    assert await library.versions() == []


async def test_promoted_version_is_live_as_it_was_measured(library: Library, database: Database) -> None:
    built = version("abc")
    await library.promote(built, {"max_tokens": 220})
    live = await library.production()
    assert live is not None
    assert (live.id, live.stage, live.fingerprint) == (built.id, Stage.PRODUCTION, "abc")
    assert (live.documents, live.passages, live.seconds) == (3, 40, 1.25)
    assert live.created_at.tzinfo is UTC
    async with database.begin() as db:
        assert (await db.scalars(select(IndexVersionRow.configuration))).one() == {"max_tokens": 220}


async def test_promotion_archives_what_was_live(library: Library) -> None:
    versions = [version(str(number)) for number in range(3)]
    for entry in versions:
        await library.promote(entry, {})
    assert await stages(library) == [Stage.PRODUCTION, Stage.ARCHIVED, Stage.ARCHIVED]
    assert [entry.id for entry in await library.versions()] == [entry.id for entry in reversed(versions)]
    live = await library.production()
    assert live is not None
    assert live.id == versions[-1].id


async def test_promotions_at_once_leave_one_version_live(library: Library) -> None:
    await library.promote(version(), {})
    await asyncio.gather(*(library.promote(version(), {}) for _ in range(5)))
    assert Counter(await stages(library)) == {Stage.PRODUCTION: 1, Stage.ARCHIVED: 5}


async def test_forgotten_version_is_gone_and_its_run_stays(library: Library) -> None:
    built = version()
    await library.promote(built, {})
    await library.finish_run(await library.start_run("test"), RunStatus.PROMOTED, version=built)
    await library.forget_version(built.id)
    assert await library.versions() == []
    [run] = await library.runs()
    assert (run.status, run.version) == (RunStatus.PROMOTED, None)


async def test_documents_are_listed_by_path(library: Library) -> None:
    pages = [page("b.md"), page("a.md", reference="https://example.org"), page("a/c.md")]
    await library.replace_documents("folder", "/pages", pages)
    assert await library.documents() == sorted(pages, key=lambda document: document.path)
    assert await library.document("a.md") == pages[1]
    assert await library.document("missing.md") is None


async def test_replaced_documents_are_kept_updated_and_removed(library: Library, database: Database) -> None:
    async def seen() -> dict[str, tuple[str, datetime]]:
        async with database.begin() as db:
            return {row.path: (row.id, row.updated_at) for row in await db.scalars(select(DocumentRow))}

    await library.replace_documents("folder", "/pages", [page("kept.md"), page("changed.md"), page("gone.md")])
    before = await seen()
    changed = page("changed.md", "new text", title="New title")
    await library.replace_documents("folder", "/pages", [page("kept.md"), changed, page("new.md")])
    after = await seen()
    assert after.keys() == {"kept.md", "changed.md", "new.md"}
    assert after["kept.md"] == before["kept.md"]
    assert after["changed.md"][0] == before["changed.md"][0]
    assert after["changed.md"][1] > before["changed.md"][1]
    assert await library.document("changed.md") == changed


async def test_no_documents_left_is_an_empty_library(library: Library) -> None:
    await library.replace_documents("folder", "/pages", [page("a.md")])
    await library.replace_documents("folder", "/pages", [])
    assert await library.documents() == []


async def test_pages_of_a_folder_that_moved_are_listed_once(library: Library) -> None:
    await library.replace_documents("folder", "/home/me/pages", [page("a.md"), page("gone.md")])
    await library.replace_documents("folder", "/app/pages", [page("a.md", "as it is now")])
    assert await library.documents() == [page("a.md", "as it is now")]


async def test_search_of_documents_takes_every_character_literally(library: Library) -> None:
    await library.replace_documents(
        "folder",
        "/pages",
        [page("canary.md", "10% of the traffic", product="KServe"), page("mlflow.md", "Call log_model.")],
    )
    expected = {
        "canary": ["canary.md"],
        "KSERVE": ["canary.md"],
        " traffic ": ["canary.md"],
        "%": ["canary.md"],
        "_": ["mlflow.md"],
        "log_model": ["mlflow.md"],
        "\\": [],
        "absent": [],
        "": ["canary.md", "mlflow.md"],
    }
    found = {search: [document.path for document in await library.documents(search=search)] for search in expected}
    assert found == expected


async def test_page_with_a_very_long_title_is_stored(library: Library) -> None:
    long = page("a.md", title="word " * 100, product="product " * 20)
    await library.replace_documents("folder", "/pages", [long])
    assert await library.documents() == [long]


async def test_run_that_promoted_names_its_version(library: Library) -> None:
    built = version()
    await library.promote(built, {})
    run = await library.start_run("schedule")
    assert (run.status, run.finished_at) == (RunStatus.RUNNING, None)
    finished = await library.finish_run(run, RunStatus.PROMOTED, version=built)
    [stored] = await library.runs()
    assert (stored.id, stored.trigger, stored.status, stored.reason) == (run.id, "schedule", RunStatus.PROMOTED, "")
    assert (stored.started_at, stored.finished_at) == (run.started_at, finished.finished_at)
    assert stored.finished_at is not None
    assert stored.finished_at.tzinfo is UTC
    assert stored.version is not None
    assert stored.version.id == built.id


async def test_runs_come_newest_first_and_not_all(library: Library) -> None:
    for number in range(4):
        await library.finish_run(await library.start_run(f"t{number}"), RunStatus.UNCHANGED)
    assert [run.trigger for run in await library.runs(limit=3)] == ["t3", "t2", "t1"]


async def test_runs_left_open_are_closed_and_others_left_alone(library: Library) -> None:
    done = await library.start_run("done")
    await library.finish_run(done, RunStatus.FAILED, reason="The page a.md cannot be read.")
    await library.start_run("left open")
    await library.start_run("left open too")
    assert await library.abandon_runs() == 2
    assert await library.abandon_runs() == 0
    newest, second, oldest = await library.runs()
    assert {newest.status, second.status} == {RunStatus.FAILED}
    assert newest.reason == second.reason == "The process stopped in the middle."
    assert newest.finished_at is not None
    assert oldest.reason == "The page a.md cannot be read."
