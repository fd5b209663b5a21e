"""Makes documents of the copies of pages.

Comes in: a source and a copy as it was fetched or uploaded. Goes out: a `Document` with title, product, address and
hash. Called by the gatherer; the shelves take the paths of documents from here.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import quote, urlsplit

from core.domain.knowledge import Document, Source
from core.knowledge.extract import Extracted
from core.knowledge.gathering.shelf import Copy

DOCUMENT_PAGE = "/admin/knowledge/"
"""Where the console shows a document that has no web address of its own."""

SHIPPED = "knowledge"
"""The source whose documents are named by their path alone: the folder that ships."""

LONGEST_PATH = 400
LONGEST_TITLE = 300
LONGEST_PRODUCT = 64


class Extract(Protocol):
    """Turns the bytes of a page into Markdown. Raises AssistantError for a page that cannot be read."""

    def __call__(
        self, raw: bytes, *, name: str, media_type: str = "", charset: str = "", address: str = ""
    ) -> Extracted:
        """The page; `name` decides its format where the media type does not."""
        ...


def document_path(source: Source, relative: str) -> str:
    """The path of a document: unique among all sources, readable, and never too long for a row."""
    path = relative if source.name == SHIPPED else f"{source.name}/{relative}"
    if len(path) <= LONGEST_PATH:
        return path
    digest = hashlib.sha256(path.encode()).hexdigest()[:16]
    return f"{path[: LONGEST_PATH - len(digest) - 1]}~{digest}"


def web_path(address: str) -> str:
    """A web address without its scheme and fragment."""
    parts = urlsplit(address)
    return f"{parts.netloc}{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


def document_hash(document: Document) -> str:
    """Equal for documents of which nothing has to be indexed anew."""
    parts = (
        document.title,
        document.product,
        document.address,
        document.reference,
        document.language,
        document.text,
    )
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


def make_document(source: Source, path: str, copy: Copy, extract: Extract) -> Document:
    """A document of a copy. Raises AssistantError with the reason why there is none.

    Own pages may name their product and a reference in their front matter. Those of others may not: a page could
    pass for another product's.
    """
    page = extract(
        copy.body, name=copy.name, media_type=copy.media_type, charset=copy.charset, address=_web(copy.address)
    )
    said: Mapping[str, str] = {} if source.kind.remote else page.metadata
    folder = "" if source.kind.remote else PurePosixPath(path).parent.name
    product = said.get("product", "").strip() or source.product or folder or source.name
    document = Document(
        path=path,
        title=(page.title.strip() or PurePosixPath(path).name)[:LONGEST_TITLE],
        product=product[:LONGEST_PRODUCT],
        address=_address(copy, page.canonical) or DOCUMENT_PAGE + quote(path),
        reference=said.get("reference", "").strip(),
        text=page.text,
        content_hash="",
        source=source.name,
        language=page.language,
    )
    return replace(document, content_hash=document_hash(document))


def _address(copy: Copy, canonical: str) -> str:
    """The page's own word on its address counts on its own host alone."""
    with suppress(ValueError):  # what pages give for an address is not always one
        if _web(canonical) and urlsplit(canonical).netloc == urlsplit(copy.address).netloc:
            return canonical.partition("#")[0]
    return copy.address


def _web(address: str) -> str:
    return address if address.startswith(("http://", "https://")) else ""
