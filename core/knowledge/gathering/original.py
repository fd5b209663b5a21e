"""A page as its source gives it, so that people can see what was made of it.

Comes in: a copy. Goes out: its text, as far as it has one. Called by the curator.
"""

from dataclasses import dataclass

from core.knowledge.extract.charset import decode
from core.knowledge.gathering.shelf import Copy

LONGEST = 400_000
"""Characters that are shown of an original."""

BINARY = (b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How PDF, zipped and old office files begin."""


@dataclass(frozen=True)
class Original:
    """The text of a page at its source, empty when it has none to show; `size` is in bytes."""

    text: str
    html: bool
    size: int


def original_of(copy: Copy) -> Original:
    """What can be shown of a copy."""
    size = len(copy.body)
    if copy.body.startswith(BINARY):
        return Original("", html=False, size=size)
    text = decode(copy.body, copy.charset)[:LONGEST]
    named = copy.name.lower().endswith((".html", ".htm", ".xhtml"))
    return Original(text, html=named or "html" in copy.media_type or _looks_like_html(text), size=size)


def _looks_like_html(text: str) -> bool:
    return text[:200].lstrip("\ufeff \t\r\n").lower().startswith(("<!doctype html", "<html"))
