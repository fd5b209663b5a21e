"""Reads the folder of Markdown pages that ships, or one of the owner's own.

Comes in: a folder. Goes out: `Document`s, ordered by path. Called by the refresh.
"""

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import frontmatter
import yaml

from core.domain.knowledge import Document
from core.errors import RefreshFailed

DOCUMENT_PAGE = "/admin/knowledge/"
"""Where the console shows a document that has no web address of its own."""


def read_documents(folder: Path) -> list[Document]:
    """Every `*.md` below `folder`. Raises RefreshFailed naming the first page that cannot be read."""
    if not folder.is_dir():
        raise RefreshFailed(f"The folder of the knowledge base, {folder}, is missing. Correct KNOWLEDGE_DIR.")
    documents = [_read(path, folder) for path in sorted(folder.rglob("*.md"))]
    if not documents:
        raise RefreshFailed(f"The folder of the knowledge base, {folder}, holds no Markdown page (*.md).")
    return documents


def _read(path: Path, folder: Path) -> Document:
    name = path.relative_to(folder).as_posix()
    try:
        raw = path.read_bytes()
        page = frontmatter.loads(raw.decode("utf-8-sig"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise RefreshFailed(f"The page {name} cannot be read: {reason}. Mend it; the live index was kept.") from error
    return Document(
        path=name,
        title=_text(page.metadata, "title") or path.stem.replace("-", " ").capitalize(),
        product=_text(page.metadata, "product") or (path.parent.name or "general"),
        address=DOCUMENT_PAGE + quote(name),
        reference=_text(page.metadata, "reference"),
        text=page.content,
        content_hash=hashlib.sha256(raw).hexdigest(),
    )


def _text(metadata: dict[str, Any], name: str) -> str:
    return str(metadata.get(name) or "").strip()
