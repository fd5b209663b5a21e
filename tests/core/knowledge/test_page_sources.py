"""Reading a folder of Markdown pages."""

import hashlib
from pathlib import Path

import pytest

from core.errors import RefreshFailed
from core.knowledge.sources import read_documents


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "knowledge"
    path.mkdir()
    return path


def write(folder: Path, name: str, content: str | bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_page_with_complete_front_matter(folder: Path) -> None:
    raw = "---\ntitle: Run it\nproduct: Runner\nreference: https://example.org/run\n---\n# Run it\n\nText.\n"
    write(folder, "tools/run-it.md", raw)
    [page] = read_documents(folder)
    assert (page.path, page.title, page.product) == ("tools/run-it.md", "Run it", "Runner")
    assert (page.address, page.reference) == ("/admin/knowledge/tools/run-it.md", "https://example.org/run")
    assert page.text == "# Run it\n\nText."
    assert page.content_hash == hashlib.sha256(raw.encode()).hexdigest()


def test_page_without_front_matter_is_named_after_its_file_and_folder(folder: Path) -> None:
    write(folder, "model-serving/blue-green-rollout.md", "Text.")
    write(folder, "at-the-top.md", "Text.")
    top, nested = read_documents(folder)
    assert (top.title, top.product, top.reference) == ("At the top", folder.name, "")
    assert (nested.title, nested.product) == ("Blue green rollout", "model-serving")


def test_missing_and_empty_fields_are_filled_in(folder: Path) -> None:
    write(folder, "serving/canary.md", "---\ntitle:\nproduct: '  '\n---\nText.")
    [page] = read_documents(folder)
    assert (page.title, page.product, page.reference) == ("Canary", "serving", "")


def test_field_that_yaml_takes_for_a_number_is_still_text(folder: Path) -> None:
    write(folder, "a.md", "---\ntitle: 2026\nproduct: 1.5\n---\nText.")
    [page] = read_documents(folder)
    assert (page.title, page.product) == ("2026", "1.5")


def test_pages_are_ordered_by_path_and_other_files_left_out(folder: Path) -> None:
    for name in ("b.md", "a.md", "z/a.md", "image.png", "notes.txt", "README.MDX"):
        write(folder, name, "Text.")
    assert [page.path for page in read_documents(folder)] == ["a.md", "b.md", "z/a.md"]


def test_any_change_of_a_page_changes_its_hash(folder: Path) -> None:
    write(folder, "a.md", "---\ntitle: A\n---\nText.")
    [before] = read_documents(folder)
    write(folder, "a.md", "---\ntitle: B\n---\nText.")
    [after] = read_documents(folder)
    assert before.content_hash != after.content_hash


def test_page_saved_on_windows_reads_the_same(folder: Path) -> None:
    write(folder, "a.md", "---\r\ntitle: Run it\r\n---\r\n# Run it\r\n\r\nText.\r\n")
    [page] = read_documents(folder)
    assert (page.title, page.text.split()) == ("Run it", ["#", "Run", "it", "Text."])


def test_page_saved_with_a_byte_order_mark_keeps_its_title(folder: Path) -> None:
    write(folder, "a.md", "---\ntitle: Run it\n---\nText.".encode("utf-8-sig"))
    [page] = read_documents(folder)
    assert (page.title, page.text) == ("Run it", "Text.")


@pytest.mark.parametrize(
    "content",
    [
        b"---\ntitle: [unclosed\n---\nText.",
        b"---\ntitle: a: b\n---\nText.",
        b"---\n\ttitle: tab\n---\nText.",
        b"---\nreviewed: 2026-02-31\n---\nText.",
        b"caf\xe9",
        b"\xff\xfeT\x00e\x00x\x00t\x00",
    ],
    ids=["unclosed list", "two colons", "tab", "no such day", "latin-1", "utf-16"],
)
def test_page_that_cannot_be_read_is_named(folder: Path, content: bytes) -> None:
    write(folder, "good.md", "Text.")
    write(folder, "tools/broken.md", content)
    with pytest.raises(
        RefreshFailed, match=r"(?s)^The page tools/broken\.md cannot be read: .* the live index was kept"
    ):
        read_documents(folder)


def test_refusal_of_a_page_is_one_line(folder: Path) -> None:
    write(folder, "broken.md", "---\ntitle: [unclosed\n---\nText.")
    with pytest.raises(RefreshFailed) as told:
        read_documents(folder)
    assert "\n" not in told.value.said


def test_folder_named_like_a_page_is_named_in_the_refusal(folder: Path) -> None:
    (folder / "strange.md").mkdir()
    with pytest.raises(RefreshFailed, match=r"strange\.md"):
        read_documents(folder)


def test_empty_folder_is_told(folder: Path) -> None:
    write(folder, "notes.txt", "Text.")
    with pytest.raises(RefreshFailed, match=r"holds no Markdown page"):
        read_documents(folder)


def test_missing_folder_is_told(folder: Path) -> None:
    with pytest.raises(RefreshFailed, match=r"is missing\. Correct KNOWLEDGE_DIR"):
        read_documents(folder / "away")
