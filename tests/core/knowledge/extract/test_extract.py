"""Which reader gets a page, the charset of its bytes, and what cannot be read."""

import pytest

from core.errors import KnowledgeError, Unreadable
from core.knowledge.extract import READABLE, extract

WORDS = "Größe und Straße: naïve café, 東京 — "
PAGE = "<html><head><title>Größe</title></head><body><main><p>Die Größe der Straße. " + "Wörter über Wörter. " * 20


def test_readable_endings_are_named() -> None:
    assert {".md", ".markdown", ".mdx", ".txt", ".rst", ".html", ".htm", ".pdf", ".ipynb"} == READABLE


@pytest.mark.parametrize(
    ("raw", "name", "media_type", "text"),
    [
        (b"<p>hello</p>", "a.html", "", "hello"),
        (b"<p>hello</p>", "a", "text/html; charset=utf-8", "hello"),
        (b"<!DOCTYPE html><p>hello</p>", "a.txt", "text/plain", "hello"),
        (b"<!-- made by hand -->\n<html><p>hello</p></html>", "a", "", "hello"),
        (b"# hello", "a.md", "text/plain", "# hello"),
        (b"# hello", "a.md", "text/html", "# hello"),
        (b"# hello", "a.md", "application/octet-stream", "# hello"),
        (b"*hello*", "llms", "text/markdown", "*hello*"),
        (b"<b>hello</b>\n", "a.txt", "", "<b>hello</b>\n"),
        (b"hello", "LICENSE", "", "hello"),
        (b"x = 1", "a.py", "text/x-python", "x = 1"),
        (b"*hello*", "a.rst", "text/plain", "*hello*"),
    ],
)
def test_format_is_told_by_media_type_name_and_content(raw: bytes, name: str, media_type: str, text: str) -> None:
    assert extract(raw, name=name, media_type=media_type).text == text


@pytest.mark.parametrize(
    ("name", "media_type"), [("a.zip", ""), ("a.png", "image/png"), ("a", "video/mp4"), ("a.md", "image/svg+xml")]
)
def test_other_kinds_of_files_are_refused_by_name(name: str, media_type: str) -> None:
    with pytest.raises(Unreadable, match=r"cannot be read; these can: \.htm") as refused:
        extract(b"anything", name=name, media_type=media_type)
    assert isinstance(refused.value, KnowledgeError)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a PNG image"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (b"\x1f\x8b\x08\x00", "a gzip archive"),
        (bytes(range(256)) * 20, "a binary file"),
        (b"\x00\x01\x02\x03 text \x00\x05\x06" * 50, "a binary file"),
        (b"", "The page is empty"),
        (b" \r\n\xef\xbb\xbf", "The page is empty"),
        (b"<html><body></body></html>", "The page has no text"),
        (b"<!-- only a comment -->", "The page is empty"),
    ],
)
def test_page_without_text_is_refused(raw: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        extract(raw, name="page.html", media_type="text/html")


@pytest.mark.parametrize("name", ["a.md", "a.rst", "a.txt", "a.mdx"])
def test_blank_page_of_text_is_refused(name: str) -> None:
    with pytest.raises(Unreadable, match="The page is empty"):
        extract(b"\n \n", name=name)


@pytest.mark.parametrize(
    ("encoding", "header", "meta"),
    [
        ("utf-8", "", ""),
        ("utf-8", "iso-8859-1", ""),
        ("utf-8", "", "windows-1251"),
        ("utf-8-sig", "latin-1", ""),
        ("cp1252", "", "iso-8859-1"),
        ("cp1252", "windows-1252", ""),
        ("cp1252", "no-such-charset", "windows-1252"),
        ("cp1252", "", ""),
        ("utf-16", "", ""),
        ("utf-16-le", "utf-16le", ""),
    ],
)
def test_text_is_right_whatever_was_said_about_its_charset(encoding: str, header: str, meta: str) -> None:
    declared = f"<meta charset='{meta}'>" if meta else ""
    raw = PAGE.replace("<head>", "<head>" + declared).encode(encoding)
    found = extract(raw, name="a.html", media_type="text/html", charset=header)
    assert found.title == "Größe"
    assert found.text.startswith("Die Größe der Straße. Wörter über")


def test_japanese_of_an_old_mail_charset_is_not_taken_for_ascii() -> None:
    raw = "東京の天気".encode("iso-2022-jp")
    assert extract(raw, name="a.txt", charset="iso-2022-jp").text == "東京の天気"


def test_one_broken_byte_spoils_one_character() -> None:
    raw = (WORDS * 20).encode() + b"\xff" + WORDS.encode()
    assert extract(raw, name="a.txt").text == WORDS * 20 + "\ufffd" + WORDS


def test_page_without_a_title_is_called_by_its_name() -> None:
    assert extract(b"Text.", name="guides/blue-green_rollout.md").title == "Blue green rollout"
