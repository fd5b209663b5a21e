"""Turns the bytes of a page into text, by what the bytes themselves say before what was said about them.

Comes in: bytes, and the charset that the server named. Goes out: text without a byte order mark. Called by `extract`.
"""

import codecs
import re

from bs4.dammit import EncodingDetector
from charset_normalizer import from_bytes

from core.errors import Unreadable

SNIFFED = 64_000
"""Bytes that are looked at when the charset has to be guessed; more costs time and changes nothing."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BINARY = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"wOF", "a font"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"SQLite format 3", "a database"),
    (b"RIFF", "a sound, film or image"),
    (b"ID3", "a sound"),
)
_NOT_FOR_PAGES = frozenset({"utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
_MOSTLY = 0.02
"""Share of characters that may be damaged before a page counts as something else than text."""


def decode(raw: bytes, charset: str = "") -> str:
    """The text of a page. Raises Unreadable when the bytes are not text."""
    kind = next((name for magic, name in _BINARY if raw.startswith(magic)), "")
    if kind:
        raise Unreadable(f"This is {kind}, not a page of text. Remove it from the source.")
    text = _decoded(raw, charset)
    if len(_CONTROL.findall(text)) > _MOSTLY * len(text):
        raise Unreadable("This is not text but a binary file. Remove it from the source.")
    return text.replace("\x00", "")


def _decoded(raw: bytes, charset: str) -> str:
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(name, errors="replace")
    declared = [name for name in (_usable(charset), _usable(_in_document(raw))) if name]
    if not (b"\x1b" in raw and any(name.startswith("iso2022") for name in declared)):
        # bytes of another charset are next to never valid UTF-8, so what is valid was only labelled wrongly
        declared.insert(0, "utf-8")
    for name in declared:
        try:
            return _unless_nul(raw, name)
        except UnicodeError:
            continue
    return _guessed(raw, damaged_utf8="utf-8" in declared[1:])


def _unless_nul(raw: bytes, name: str) -> str:
    text = raw.decode(name)
    if "\x00" in text and name == "utf-8":
        raise UnicodeError(name)  # UTF-16 without its mark, or no text at all
    return text


def _guessed(raw: bytes, *, damaged_utf8: bool) -> str:
    """Text of bytes that no label fits: UTF-8 with a broken spot, else what the letters look most like."""
    text = raw.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    sound = sum(1 for character in text if character > "\x7f") - broken
    if "\x00" not in text and (damaged_utf8 or sound > broken) and broken <= _MOSTLY * len(text):
        return text
    best = from_bytes(raw[:SNIFFED]).best()
    return raw.decode(best.encoding if best else "cp1252", errors="replace")


def _in_document(raw: bytes) -> str:
    return EncodingDetector.find_declared_encoding(raw[:SNIFFED], is_html=True) or ""


def _usable(charset: str) -> str:
    """The codec of a charset's name, "" when there is none; browsers read Latin-1 as Windows-1252, so do we."""
    try:
        name = codecs.lookup(charset.strip().strip("\"'")).name
    except (LookupError, ValueError):
        return ""
    if name in _NOT_FOR_PAGES:
        return ""
    return "cp1252" if name in {"iso8859-1", "ascii"} else name
