"""The pages of the knowledge base, as looks at their sources leave them, on SQLite and on Postgres."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from core.domain.knowledge import Document, IndexVersion, Look, Page, PageNews, PageStatus, Source, SourceKind, Stage
from core.storage.engine import Database
from core.storage.ids import new_id, now
from core.storage.library import Library
from core.storage.library_models import ContentRow, DocumentRow
from core.storage.sources import Sources
from core.storage.versions import ChangedPage, IndexedPage, Versions

WEEK = timedelta(days=7)
AT_ONCE = timedelta(0)


@pytest.fixture(autouse=True)
async def docs(sources: Sources) -> None:
    """Two sources, `docs` and `other`."""
    for name in ("docs", "other"):
        await sources.add(Source(name, SourceKind.SITEMAP, f"https://{name}.example.org/sitemap.xml"))


def page(path: str, text: str = "text", **fields: str) -> Document:
    words = {"title": path.capitalize(), "product": "Tool", "address": f"/{path}", "reference": "", **fields}
    return Document(path=path, text=text, content_hash=f"hash of {text} at {path}", **{"source": "docs", **words})


def fresh(document: Document, **validators: str) -> PageNews:
    return PageNews(f"at {document.path}", document.path, Look.FRESH, document, **validators)


def seen(path: str, look: Look, reason: str = "", **validators: str) -> PageNews:
    return PageNews(f"at {path}", path, look, reason=reason, **validators)


async def record(library: Library, *news: PageNews, source: str = "docs", grace: timedelta = WEEK) -> bool:
    return await library.record(source, news, grace=grace)


async def only(library: Library, source: str = "docs") -> Page:
    [known] = await library.pages(source)
    return known


async def contents(database: Database) -> int:
    async with database.begin() as db:
        return await db.scalar(select(func.count()).select_from(ContentRow)) or 0


async def updated_at(database: Database) -> datetime:
    async with database.begin() as db:
        return (await db.scalars(select(DocumentRow.updated_at))).one()


async def test_fresh_page_is_stored_with_what_the_next_look_needs(library: Library) -> None:
    document = page("a.md", reference="https://example.org", language="en")
    assert await record(library, fresh(document, etag='"1"', last_modified="Mon", raw_hash="raw"))
    assert await library.documents() == [document]
    known = await only(library)
    assert (known.location, known.path, known.status, known.title) == ("at a.md", "a.md", PageStatus.LIVE, "A.md")
    assert (known.etag, known.last_modified, known.raw_hash, known.reason) == ('"1"', "Mon", "raw", "")
    assert known.checked_at is not None
    assert known.gone_since is None


async def test_unchanged_page_keeps_what_it_says_and_takes_newer_validators(
    library: Library, database: Database
) -> None:
    await record(library, fresh(page("a.md"), etag='"1"', last_modified="Mon", raw_hash="raw"))
    before, written = await only(library), await updated_at(database)
    await record(library, seen("a.md", Look.UNCHANGED, etag='"2"', raw_hash="raw"))
    after = await only(library)
    assert (after.etag, after.last_modified, after.raw_hash) == ('"2"', "Mon", "raw")
    assert after.checked_at is not None
    assert before.checked_at is not None
    assert after.checked_at > before.checked_at
    assert await updated_at(database) == written
    assert await library.documents() == [page("a.md")]


async def test_changed_page_says_what_is_new(library: Library, database: Database) -> None:
    await record(library, fresh(page("a.md"), etag='"1"', raw_hash="raw"))
    written = await updated_at(database)
    await record(library, fresh(page("a.md", "new", title="New"), raw_hash="other"))
    assert await library.documents() == [page("a.md", "new", title="New")]
    known = await only(library)
    assert (known.etag, known.raw_hash) == ("", "other")
    assert await updated_at(database) > written


async def test_failed_page_keeps_its_text_and_validators_and_says_why(library: Library) -> None:
    await record(library, fresh(page("a.md"), etag='"1"', raw_hash="raw"))
    await record(library, seen("a.md", Look.FAILED, "The site is away."))
    known = await only(library)
    assert (known.status, known.reason) == (PageStatus.FAILED, "The site is away.")
    assert (known.etag, known.raw_hash) == ('"1"', "raw")
    assert await library.documents() == [page("a.md")]
    await record(library, seen("a.md", Look.UNCHANGED))
    assert ((await only(library)).status, (await only(library)).reason) == (PageStatus.LIVE, "")


async def test_page_that_never_could_be_read_is_listed_with_its_reason_and_not_indexed(library: Library) -> None:
    await record(library, seen("a.md", Look.FAILED, "It needs JavaScript."))
    assert (await only(library)).reason == "It needs JavaScript."
    assert await library.held() == {}
    assert await library.count() == 0
    assert [problem.path for problem in await library.problems()] == ["a.md"]


async def test_page_that_is_gone_stays_for_its_grace_and_then_leaves(library: Library) -> None:
    await record(library, fresh(page("a.md")))
    await record(library, seen("a.md", Look.GONE, "404"))
    first = await only(library)
    assert (first.status, first.reason) == (PageStatus.GONE, "404")
    assert await library.documents() == [page("a.md")]
    await record(library, seen("a.md", Look.GONE, "404"))
    assert (await only(library)).gone_since == first.gone_since
    await record(library, seen("a.md", Look.GONE, "404"), grace=AT_ONCE)
    assert await library.pages("docs") == []
    assert await library.held() == {}


async def test_page_that_comes_back_within_its_grace_is_live_again(library: Library) -> None:
    await record(library, fresh(page("a.md")))
    await record(library, seen("a.md", Look.GONE, "404"))
    await record(library, fresh(page("a.md")))
    known = await only(library)
    assert (known.status, known.gone_since, known.reason) == (PageStatus.LIVE, None, "")


async def test_gone_page_whose_site_is_away_does_not_leave_on_that_account(library: Library) -> None:
    await record(library, fresh(page("a.md")))
    await record(library, seen("a.md", Look.GONE, "404"))
    await record(library, seen("a.md", Look.FAILED, "The site is away."), grace=AT_ONCE)
    assert await library.documents() == [page("a.md")]


async def test_new_page_that_is_gone_already_leaves_nothing(library: Library) -> None:
    await record(library, seen("a.md", Look.GONE, "404"), grace=AT_ONCE)
    assert await library.pages("docs") == []


async def test_page_that_moved_to_another_location_stays_even_without_grace(library: Library) -> None:
    await record(library, fresh(page("a.md")))
    moved = replace(fresh(page("a.md", "new")), location="https://there")
    await record(library, seen("a.md", Look.GONE, "no longer listed"), moved, grace=AT_ONCE)
    known = await only(library)
    assert (known.location, known.status, known.gone_since) == ("https://there", PageStatus.LIVE, None)
    assert await library.documents() == [page("a.md", "new")]


async def test_page_of_another_source_is_left_alone(library: Library) -> None:
    await record(library, fresh(page("a.md")))
    assert await record(library, fresh(page("a.md", "theirs")), fresh(page("b.md", source="other")), source="other")
    assert await library.documents() == [page("a.md"), page("b.md", source="other")]
    assert [known.path for known in await library.pages("other")] == ["b.md"]


async def test_source_that_was_removed_meanwhile_is_told_and_nothing_stored(
    library: Library, sources: Sources, database: Database
) -> None:
    await sources.remove("docs")
    assert not await record(library, fresh(page("a.md")))
    assert await library.documents() == []
    assert await contents(database) == 0


@pytest.mark.parametrize("bad", [chr(0), chr(0xD800), chr(0xDCFF)], ids=["nul", "half a pair", "stray byte"])
async def test_characters_that_cannot_be_stored_are_left_out(library: Library, bad: str) -> None:
    document = page("a.md", f"before{bad}after", title=f"Ti{bad}tle", address=f"/{bad}", reference=bad)
    news = replace(fresh(document, etag=bad), location=f"https://example.org/{bad}", reason=bad)
    assert await record(library, replace(news, document=replace(document, content_hash="hash")))
    [stored] = await library.documents()
    assert (stored.text, stored.title, stored.address, stored.reference) == ("beforeafter", "Title", "/", "")
    assert (await only(library)).location == "https://example.org/"


async def test_text_of_every_language_comes_back_as_it_was(library: Library) -> None:
    document = page("ünï/数据.md", "naïve 数据漂移 😀 \u2028 \x0c end")
    await record(library, fresh(document))
    assert await library.documents() == [document]


async def test_what_two_pages_say_alike_is_stored_once(library: Library, database: Database) -> None:
    alike = [replace(page(name), content_hash="same", title="T", address="/x") for name in ("a.md", "b.md")]
    await record(library, *map(fresh, alike))
    assert await contents(database) == 1
    assert await library.documents() == alike


async def test_sweep_deletes_only_what_nobody_speaks_of(
    library: Library, versions: Versions, database: Database
) -> None:
    texts = ["held", "indexed", "before", "after", "forgotten"]
    for text in texts:
        await record(library, fresh(page("a.md", text)))
    [held, indexed, before, after, _] = [page("a.md", text).content_hash for text in texts]
    await record(library, fresh(page("a.md", "held")))
    built = IndexVersion(new_id(), Stage.STAGING, "f", 1, 0, 1.0, now())
    await versions.add(built, {}, [IndexedPage("a.md", indexed, ())])
    await versions.promote(built.id, [ChangedPage("a.md", "docs", before, after)])
    await library.sweep()
    async with database.begin() as db:
        assert set(await db.scalars(select(ContentRow.hash))) == {held, indexed, before, after}


async def test_thousand_pages_are_recorded_and_read_again(library: Library) -> None:
    pages = [page(f"{number:04}.md", f"text {number}") for number in range(1000)]
    assert await record(library, *map(fresh, pages))
    assert await record(library, *map(fresh, pages))
    assert await library.count() == 1000
    assert [document async for document in library.read([document.path for document in pages])] == pages


async def test_documents_are_listed_by_path_and_found_by_it(library: Library) -> None:
    pages = [page("b.md"), page("a.md", reference="https://example.org"), page("a/c.md")]
    await record(library, *map(fresh, pages))
    assert await library.documents() == sorted(pages, key=lambda document: document.path)
    assert await library.documents(limit=1) == [pages[1]]
    assert await library.document("a.md") == pages[1]
    assert await library.document("missing.md") is None
    assert await library.held() == {document.path: document.content_hash for document in pages}


async def test_reading_leaves_out_paths_that_say_nothing(library: Library) -> None:
    await record(library, fresh(page("a.md")), seen("b.md", Look.FAILED))
    assert [document.path async for document in library.read(["a.md", "b.md", "c.md"])] == ["a.md"]


async def test_search_of_documents_takes_every_character_literally(library: Library) -> None:
    canary = page("canary.md", "10% of the traffic", product="KServe")
    await record(library, fresh(canary), fresh(page("mlflow.md", "Call log_model.")))
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
    await record(library, fresh(long))
    assert await library.documents() == [long]


async def test_problems_are_pages_that_failed_or_are_gone(library: Library) -> None:
    await record(library, *(fresh(page(name)) for name in ("a.md", "b.md", "c.md")))
    await record(library, seen("a.md", Look.GONE, "404"), seen("c.md", Look.FAILED, "away"))
    told = [(problem.path, problem.status, problem.reason) for problem in await library.problems()]
    assert told == [("a.md", PageStatus.GONE, "404"), ("c.md", PageStatus.FAILED, "away")]
    assert len(await library.problems(limit=1)) == 1


async def test_page_put_back_says_what_it_said_until_it_changes_at_its_source(library: Library) -> None:
    await record(library, fresh(page("a.md", "old"), raw_hash="1"))
    await record(library, fresh(page("a.md", "new"), raw_hash="2", etag='"2"'))
    await put_back(library, [page("a.md", "old")])
    assert await library.documents() == [page("a.md", "old")]
    await record(library, seen("a.md", Look.UNCHANGED, etag='"2"'))
    assert await library.documents() == [page("a.md", "old")]
    assert (await only(library)).raw_hash == "2"
    await record(library, fresh(page("a.md", "newest"), raw_hash="3"))
    assert await library.documents() == [page("a.md", "newest")]


async def test_page_that_was_not_there_before_is_taken_out_and_stays_out_while_unchanged(library: Library) -> None:
    await record(library, fresh(page("a.md"), raw_hash="1"))
    await library.put_back({"a.md": ""}, {"a.md": "docs"})
    assert await library.held() == {}
    await record(library, seen("a.md", Look.UNCHANGED))
    assert await library.held() == {}


async def test_pages_that_left_are_put_back_and_leave_again_after_their_grace(library: Library) -> None:
    left = [page("a.md"), page("b.md")]
    await record(library, *map(fresh, left))
    await record(library, *(seen(document.path, Look.GONE) for document in left), grace=AT_ONCE)
    await put_back(library, left)
    assert await library.documents() == left
    known = {entry.location: entry for entry in await library.pages("docs")}
    assert [entry.status for entry in known.values()] == [PageStatus.GONE, PageStatus.GONE]
    gone = [PageNews(entry.location, entry.path, Look.GONE) for entry in known.values()]
    await record(library, *gone, grace=AT_ONCE)
    assert await library.documents() == []


@pytest.mark.parametrize(("recorded", "restored"), [("docs", "docs"), ("", "restored")])
async def test_page_of_a_source_that_was_removed_comes_back_among_uploads(
    library: Library, sources: Sources, recorded: str, restored: str
) -> None:
    await record(library, fresh(page("a.md")))
    await sources.remove("docs")
    await library.put_back({"a.md": page("a.md").content_hash}, {"a.md": recorded} if recorded else {})
    [document] = await library.documents()
    assert (document.path, document.source) == ("a.md", restored)
    assert (await sources.get(restored)).kind is SourceKind.UPLOAD


async def test_sources_of_pages_are_known_after_they_left(library: Library, versions: Versions) -> None:
    await record(library, fresh(page("a.md")))
    built = IndexVersion(new_id(), Stage.STAGING, "f", 1, 0, 1.0, now())
    await versions.add(built, {}, [])
    await versions.promote(built.id, [ChangedPage("left.md", "other", "h", "")])
    assert await library.sources_of(["a.md", "left.md", "never.md"]) == {"a.md": "docs", "left.md": "other"}


async def put_back(library: Library, documents: Sequence[Document]) -> None:
    hashes = {document.path: document.content_hash for document in documents}
    await library.put_back(hashes, dict.fromkeys(hashes, "docs"))
