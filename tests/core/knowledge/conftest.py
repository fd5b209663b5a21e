"""What the tests of the knowledge room share: the model, a folder of pages to change, and documents in one line."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.domain.knowledge import Document
from core.knowledge.index.embed import Embedder

PAGES = Path(__file__).parents[2] / "pages"


@pytest.fixture(scope="session")
def embedder(packaged_model: Path) -> Embedder:
    return Embedder(packaged_model)


@pytest.fixture
def own_pages(tmp_path: Path) -> Path:
    """A copy of the small pages, to be changed by a test."""
    return shutil.copytree(PAGES, tmp_path / "pages")


@pytest.fixture
def document() -> Callable[[str], Document]:
    """A document with this text."""

    def make(text: str, title: str = "Guide") -> Document:
        digest = hashlib.sha256(text.encode()).hexdigest()
        return Document("guide.md", title, "Tool", "/admin/knowledge/guide.md", "", text, digest)

    return make
