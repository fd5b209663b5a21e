"""Looking at folders and uploads: documents of own files, what is new, and what cannot be read."""

import os
from pathlib import Path
from typing import Any

import pytest

from core.domain.knowledge import Document, Look, Page, PageNews, PageStatus, Progress, Source, SourceKind
from core.errors import AssistantError, FetchFailed
from core.knowledge.extract import extract
from core.knowledge.gathering.fetch import Fetcher
from core.knowledge.gathering.gather import Gatherer, Note, document_hash


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "pages"
    path.mkdir()
    return path


@pytest.fixture
def gatherer(tmp_path: Path) -> Gatherer:
    return Gatherer(Fetcher(gap=0), tmp_path / "repositories", root=tmp_path)


def source(name: str = "knowledge", **others: Any) -> Source:
    return Source(name, **{"kind": SourceKind.FOLDER, "location": "pages", **others})


def write(folder: Path, name: str, content: str | bytes = "Text.") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def look(gatherer: Gatherer, at: Source, known: dict[str, Page] | None = None, **others: Any) -> list[PageNews]:
    return [item for item in gatherer.look(at, known or {}, **others) if isinstance(item, PageNews)]


def remembered(news: list[PageNews], **others: Any) -> dict[str, Page]:
    return {
        item.location: Page(item.location, item.path, PageStatus.LIVE, raw_hash=item.raw_hash, **others)
        for item in news
    }


def documents(gatherer: Gatherer, at: Source) -> list[Document]:
    found = [item.document for item in look(gatherer, at)]
    assert None not in found
    return [document for document in found if document]


def test_page_with_complete_front_matter(folder: Path, gatherer: Gatherer) -> None:
    raw = "---\ntitle: Run it\nproduct: Runner\nreference: https://example.org/run\n---\n# Run it all\n\nText.\n"
    write(folder, "tools/run-it.md", raw)
    [page] = documents(gatherer, source(product="Other"))
    assert (page.path, page.title, page.product, page.source) == ("tools/run-it.md", "Run it", "Runner", "knowledge")
    assert (page.address, page.reference) == ("/admin/knowledge/tools/run-it.md", "https://example.org/run")
    assert page.text.strip() == "# Run it all\n\nText."
    assert page.content_hash == document_hash(page)


def test_page_without_front_matter_is_named_after_its_heading_or_file_and_its_folder(
    folder: Path, gatherer: Gatherer
) -> None:
    write(folder, "model-serving/blue-green-rollout.md", "Text.")
    write(folder, "model-serving/canary.md", "# Canaries\n\nText.")
    first, second = documents(gatherer, source())
    assert (first.title, first.product, first.reference) == ("Blue green rollout", "model-serving", "")
    assert second.title == "Canaries"


def test_missing_and_empty_fields_are_filled_in(folder: Path, gatherer: Gatherer) -> None:
    write(folder, "serving/canary.md", "---\ntitle:\nproduct: '  '\n---\nText.")
    [page] = documents(gatherer, source(product="Server"))
    assert (page.title, page.product, page.reference) == ("Canary", "Server", "")


def test_field_that_yaml_takes_for_a_number_is_still_text(folder: Path, gatherer: Gatherer) -> None:
    write(folder, "a.md", "---\ntitle: 2026\nproduct: 1.5\n---\nText.")
    [page] = documents(gatherer, source())
    assert (page.title, page.product) == ("2026", "1.5")


@pytest.mark.parametrize(
    "raw",
    [
        b"---\r\ntitle: Run it\r\n---\r\nText.\r\n",
        "---\ntitle: Run it\n---\nText.".encode("utf-8-sig"),
    ],
    ids=["windows", "byte order mark"],
)
def test_page_saved_by_another_editor_reads_the_same(folder: Path, gatherer: Gatherer, raw: bytes) -> None:
    write(folder, "a.md", raw)
    [page] = documents(gatherer, source())
    assert (page.title, page.text.strip()) == ("Run it", "Text.")


def test_pages_are_ordered_and_hidden_and_unreadable_kinds_left_out(folder: Path, gatherer: Gatherer) -> None:
    for name in ("b.md", "a.md", "z/a.MD", "image.png", "notes.txt", ".hidden.md", ".git/a.md", "no-suffix"):
        write(folder, name)
    assert [item.location for item in look(gatherer, source())] == ["a.md", "b.md", "notes.txt", "z/a.MD"]


def test_links_out_of_the_folder_are_left_out(folder: Path, gatherer: Gatherer, tmp_path: Path) -> None:
    write(tmp_path, "secret.md")
    write(tmp_path, "elsewhere/a.md")
    write(folder, ".data/inside.md")
    (folder / "inside.md").symlink_to(folder / ".data" / "inside.md")  # as mounted configuration does it
    (folder / "outside.md").symlink_to(tmp_path / "secret.md")
    (folder / "elsewhere").symlink_to(tmp_path / "elsewhere")
    (folder / "self.md").symlink_to(folder / "self.md")
    assert [item.location for item in look(gatherer, source())] == ["inside.md"]


def test_folder_and_pipe_named_like_pages_are_no_pages(folder: Path, gatherer: Gatherer) -> None:
    write(folder, "strange.md/a.md")
    os.mkfifo(folder / "pipe.md")
    assert [item.location for item in look(gatherer, source())] == ["strange.md/a.md"]


@pytest.mark.parametrize(
    "content",
    [
        b"---\ntitle: [unclosed\n---\nText.",
        b"---\ntitle: a: b\n---\nText.",
        b"---\n\ttitle: tab\n---\nText.",
        b"---\nreviewed: 2026-02-31\n---\nText.",
    ],
    ids=["unclosed list", "two colons", "tab", "no such day"],
)
def test_page_that_cannot_be_read_is_told_beside_the_others(folder: Path, gatherer: Gatherer, content: bytes) -> None:
    write(folder, "good.md")
    write(folder, "a/broken.md", content)
    broken, good = look(gatherer, source())
    assert (broken.location, broken.look, broken.document) == ("a/broken.md", Look.FAILED, None)
    assert "front matter of the page is broken" in broken.reason
    assert "\n" not in broken.reason
    assert good.look is Look.FRESH


def test_file_that_vanishes_between_list_and_look_fails_alone(folder: Path, gatherer: Gatherer) -> None:
    write(folder, "a.md")
    write(folder, "b.md")
    items = gatherer.look(source(), {})
    seen: list[PageNews] = []
    for item in items:
        if isinstance(item, PageNews):
            (folder / "b.md").unlink(missing_ok=True)
            seen.append(item)
    assert [(item.location, item.look) for item in seen] == [("a.md", Look.FRESH), ("b.md", Look.FAILED)]
    assert "No such file" in seen[1].reason


def test_fault_of_an_extractor_fails_its_page_alone(folder: Path, tmp_path: Path) -> None:
    def faulty(raw: bytes, *, name: str, **others: Any) -> Any:
        if name == "a.md":
            raise RecursionError("too deep")
        return extract(raw, name=name, **others)

    write(folder, "a.md")
    write(folder, "b.md")
    gatherer = Gatherer(Fetcher(gap=0), tmp_path / "repositories", root=tmp_path, extract=faulty)
    failed, fresh = look(gatherer, source())
    assert (failed.look, fresh.look) == (Look.FAILED, Look.FRESH)
    assert "RecursionError" in failed.reason


def test_only_changed_files_are_fresh_and_missing_ones_gone(folder: Path, gatherer: Gatherer) -> None:
    for name in ("a.md", "b.md", "c.md"):
        write(folder, name)
    known = remembered(look(gatherer, source()))
    write(folder, "b.md", "Other.")
    (folder / "c.md").unlink()
    write(folder, "d.md")
    assert {item.location: item.look for item in look(gatherer, source(), known)} == {
        "a.md": Look.UNCHANGED,
        "b.md": Look.FRESH,
        "c.md": Look.GONE,
        "d.md": Look.FRESH,
    }


def test_unchanged_files_are_not_extracted(folder: Path, gatherer: Gatherer, tmp_path: Path) -> None:
    write(folder, "a.md")
    known = remembered(look(gatherer, source()))

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError

    quiet = Gatherer(Fetcher(gap=0), tmp_path / "repositories", root=tmp_path, extract=never)
    [news] = look(quiet, source(), known)
    assert (news.look, news.raw_hash) == (Look.UNCHANGED, known["a.md"].raw_hash)
    [afresh] = look(gatherer, source(product="New"), known, afresh=True)
    assert afresh.look is Look.FRESH


def test_file_that_returns_is_read_in_full(folder: Path, gatherer: Gatherer) -> None:
    write(folder, "a.md")
    [news] = look(gatherer, source())
    gone = {"a.md": Page("a.md", "a.md", PageStatus.GONE, raw_hash=news.raw_hash)}
    assert look(gatherer, source(), gone)[0].look is Look.FRESH


def test_documents_of_other_sources_are_named_after_them(folder: Path, gatherer: Gatherer) -> None:
    write(folder, "über uns/a b.md")
    [page] = documents(gatherer, source("hand-book", location=str(folder)))
    assert page.path == "hand-book/über uns/a b.md"
    assert page.address == "/admin/knowledge/hand-book/%C3%BCber%20uns/a%20b.md"


def test_path_of_any_length_fits_its_row(folder: Path, gatherer: Gatherer) -> None:
    for number in range(2):
        write(folder, "/".join(["d" * 200] * 3 + [f"{number}.md"]))
    paths = [item.path for item in look(gatherer, source())]
    assert [len(path) for path in paths] == [400, 400]
    assert len(set(paths)) == 2


def test_only_included_pages_are_read(folder: Path, gatherer: Gatherer) -> None:
    for name in ("a/1.md", "a/2.txt", "b/1.md"):
        write(folder, name)
    assert [item.location for item in look(gatherer, source(include=("a/*.md", "b/*")))] == ["a/1.md", "b/1.md"]
    with pytest.raises(FetchFailed, match="none of its pages matches"):
        look(gatherer, source(include=("c/*",)))


def test_limit_of_pages_is_told_and_pushes_no_known_page_out(folder: Path, gatherer: Gatherer) -> None:
    for name in ("m.md", "n.md"):
        write(folder, name)
    at = source(max_pages=2)
    known = remembered(look(gatherer, at))
    write(folder, "a.md")
    items = list(gatherer.look(at, known))
    assert [item.look for item in items if isinstance(item, PageNews)] == [Look.UNCHANGED, Look.UNCHANGED]
    assert [item.said for item in items if isinstance(item, Note)] == [
        "It lists 3 pages, and 2 of them are read. Raise the limit or include fewer."
    ]


@pytest.mark.parametrize("location", ["", "away", "/nowhere/at/all"])
def test_missing_folder_is_told_and_nothing_is_gone(gatherer: Gatherer, location: str) -> None:
    known = {"a.md": Page("a.md", "a.md", PageStatus.LIVE)}
    with pytest.raises(AssistantError, match="is missing"):
        look(gatherer, source(location=location), known)


def test_folder_that_is_suddenly_empty_is_a_failure(folder: Path, gatherer: Gatherer) -> None:
    assert folder.is_dir()
    with pytest.raises(FetchFailed, match=r"it lists no page\. What was known of it is kept"):
        look(gatherer, source(), {"a.md": Page("a.md", "a.md", PageStatus.LIVE)})


def test_progress_counts_the_pages(folder: Path, gatherer: Gatherer) -> None:
    for name in ("a.md", "b.md"):
        write(folder, name)
    told = [item for item in gatherer.look(source(), {}) if isinstance(item, Progress)]
    assert [(item.stage, item.done, item.total) for item in told] == [
        ("reading knowledge", 0, 0),
        ("reading knowledge", 1, 2),
        ("reading knowledge", 2, 2),
    ]


def test_look_can_be_stopped_in_the_middle(folder: Path, gatherer: Gatherer) -> None:
    for name in ("a.md", "b.md"):
        write(folder, name)
    items = gatherer.look(source(), {})
    first = next(item for item in items if isinstance(item, PageNews))
    items.close()
    assert first.location == "a.md"
    assert list(items) == []


def test_upload_is_a_fresh_page(gatherer: Gatherer) -> None:
    news = gatherer.read_upload(
        source("hand-book", kind=SourceKind.UPLOAD), "C:\\docs\\run it.md", b"# Run it\n\nText."
    )
    assert (news.location, news.path, news.look) == ("run it.md", "hand-book/run it.md", Look.FRESH)
    assert news.document
    assert (news.document.title, news.document.product) == ("Run it", "hand-book")
    assert news.document.address == "/admin/knowledge/hand-book/run%20it.md"


@pytest.mark.parametrize("name", ["", "..", "a/.."])
def test_upload_without_a_name_is_refused(gatherer: Gatherer, name: str) -> None:
    with pytest.raises(FetchFailed, match="no name"):
        gatherer.read_upload(source(kind=SourceKind.UPLOAD), name, b"Text.")


def test_upload_that_cannot_be_read_is_refused(gatherer: Gatherer) -> None:
    with pytest.raises(AssistantError):
        gatherer.read_upload(source(kind=SourceKind.UPLOAD), "a.pdf", b"\0\1\2")


def test_looking_at_uploads_changes_nothing(gatherer: Gatherer) -> None:
    at = source(kind=SourceKind.UPLOAD, location="")
    assert list(gatherer.look(at, {"a.md": Page("a.md", "a.md", PageStatus.LIVE)})) == []
    assert "nothing to fetch" in gatherer.check(at)


def test_check_tells_what_is_there(folder: Path, gatherer: Gatherer) -> None:
    write(folder, "a.md", "# First steps\n\nRun it twice.")
    write(folder, "b.md")
    assert gatherer.check(source()) == "2 pages; the first is “First steps”, 6 words."
