"""Turns the bytes of a page into Markdown: HTML, Markdown, MDX, text, reStructuredText, notebooks and PDF.

Comes in: bytes with what their source said about them. Goes out: `Extracted`. Called by the gathering of sources.
"""

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from core.errors import Unreadable
from core.knowledge.extract.charset import decode
from core.knowledge.extract.extracted import Extracted
from core.knowledge.extract.markdown_page import read_markdown, read_text
from core.knowledge.extract.webpage import read_webpage

__all__ = ["READABLE", "Extracted", "Unreadable", "extract"]

_FORMATS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdx": "mdx",
    ".txt": "text",
    ".rst": "rst",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".ipynb": "notebook",
}
READABLE = frozenset(_FORMATS)
"""Endings of the files that can be read."""

_MEDIA_TYPES = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/pdf": "pdf",
    "application/x-pdf": "pdf",
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "text/mdx": "mdx",
    "text/x-rst": "rst",
    "text/prs.fallenstein.rst": "rst",
    "application/x-ipynb+json": "notebook",
}
_UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream", "text/plain", "application/json"})
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_TOO_DEEP = "The page is nested too deeply to be read."


def extract(raw: bytes, *, name: str, media_type: str = "", charset: str = "", address: str = "") -> Extracted:
    """The content of a page. `name` is its path or file name, `address` its web address, if it has one.

    Raises Unreadable, which says why, when there is nothing to be read.
    """
    if not raw.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        raise Unreadable("The page is empty.")
    kind = _format(raw, PurePosixPath(name).suffix.lower(), media_type.partition(";")[0].strip().lower())
    try:
        found = _read(kind, raw, charset, address)
    except RecursionError as error:
        raise Unreadable(_TOO_DEEP) from error
    if not found.text.strip():
        raise Unreadable("The page has no text.")
    if found.title:
        return found
    return Extracted(_title_of(name), found.text, found.language, found.canonical, found.metadata)


def _format(raw: bytes, suffix: str, media_type: str) -> str:
    """The format: what the bytes say beyond doubt, else what the media type says, else the ending of the name."""
    if raw.startswith(b"%PDF-"):
        return "pdf"
    said = _MEDIA_TYPES.get(media_type, "")
    by_name = _FORMATS.get(suffix, "")
    if said == "markdown" and by_name == "mdx":
        return by_name
    if said == "html" and by_name not in {"", "html"} and not _HTML.match(raw[:2000].decode("latin-1")):
        return by_name  # a server that calls everything HTML
    if said or (by_name and media_type in _UNTOLD):
        return said or by_name
    if media_type.startswith("text/"):
        return by_name or "text"
    if media_type in _UNTOLD and not suffix:
        return "text"
    known = ", ".join(sorted(READABLE))
    raise Unreadable(f"A file of the kind {media_type or suffix} cannot be read; these can: {known}.")


def _read(kind: str, raw: bytes, charset: str, address: str) -> Extracted:
    if kind == "pdf":
        return _read_pdf(raw)
    text = decode(raw, charset)
    if kind == "html" or (kind in {"text", "markdown"} and _HTML.match(text)):
        return read_webpage(text, address=address)
    readers: dict[str, Callable[[str], Extracted]] = {
        "markdown": read_markdown,
        "mdx": lambda page: read_markdown(page, mdx=True),
        "text": read_text,
        "rst": _read_rst,
        "notebook": _read_notebook,
    }
    return readers[kind](text)


def _read_pdf(raw: bytes) -> Extracted:
    from core.knowledge.extract.pdf import read_pdf  # noqa: PLC0415 - a library for rare pages, loaded with the first

    return read_pdf(raw)


def _read_rst(text: str) -> Extracted:
    from core.knowledge.extract.restructured import read_rst  # noqa: PLC0415 - as above

    return read_rst(text)


def _read_notebook(text: str) -> Extracted:
    from core.knowledge.extract.notebook import read_notebook  # noqa: PLC0415 - as above

    return read_notebook(text)


def _title_of(name: str) -> str:
    return re.sub(r"[-_]+", " ", PurePosixPath(name).stem).strip().capitalize()
