"""One index version in Chroma: a folder of its own, or a collection of its own on a Chroma server.

Comes in: passages with their vectors, once, from the build. Goes out: the passages nearest to a vector.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import chromadb
import httpx
from chromadb.api import ClientAPI
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError

from core.domain.knowledge import Passage
from core.errors import IndexCorrupt, KnowledgeError
from core.knowledge.embed import Vectors

WRITE_BATCH = 100

CORRUPT = (
    "The index cannot be read; the pages and all conversations are untouched. "
    "Run `mlops-assistant refresh --rebuild` to build it again."
)


@dataclass(frozen=True)
class IndexPlace:
    """Where index versions stand: below `folder`, or on the server at `url`."""

    folder: Path
    url: str | None = None

    def remove(self, version_id: str) -> None:
        """Deletes the files or the collection of a version; what is gone already is fine."""
        if self.url is None:
            shutil.rmtree(self.folder / version_id, ignore_errors=True)
            return
        client = _client(self, version_id)
        if any(item.name == _collection(version_id) for item in client.list_collections()):
            client.delete_collection(_collection(version_id))

    def holds(self, version_id: str) -> bool:
        """Whether the files of a version are there; a server is asked when the version is opened."""
        return self.url is not None or (self.folder / version_id / "chroma.sqlite3").is_file()

    def leftovers(self, known: set[str]) -> list[str]:
        """Versions whose build was interrupted: folders that no row of the database knows."""
        if self.url is not None or not self.folder.is_dir():
            return []
        return [entry.name for entry in self.folder.iterdir() if entry.is_dir() and entry.name not in known]

    def ping(self) -> None:
        """Raises KnowledgeError unless the Chroma server answers; embedded Chroma always does."""
        if self.url is not None:
            _client(self, "").heartbeat()


class PassageIndex:
    """A version that is open. Close it when another one takes its place."""

    def __init__(self, client: Any, collection: chromadb.Collection) -> None:
        self._client = client
        self._collection = collection

    @classmethod
    def create(cls, place: IndexPlace, version_id: str) -> Self:
        """An empty version, for the build."""
        client = _client(place, version_id)
        collection = client.create_collection(
            _collection(version_id), embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        return cls(client, collection)

    @classmethod
    def open(cls, place: IndexPlace, version_id: str, *, passages: int) -> Self:
        """A finished version that must hold `passages` passages. Raises IndexCorrupt when it cannot be read."""
        damaged = IndexCorrupt(CORRUPT)
        if not place.holds(version_id):
            raise damaged
        try:
            client = _client(place, version_id)
            index = cls(client, client.get_collection(_collection(version_id), embedding_function=None))
            held = index.count()
            if held:
                index.query([0.0] * 383 + [1.0], 1)
        except KnowledgeError:
            raise
        except Exception as error:  # a damaged file surfaces as whatever SQLite, Rust or JSON makes of it
            damaged.detail = repr(error)
            raise damaged from error
        if held != passages:
            damaged.detail = f"{held} passages instead of {passages}"
            raise damaged
        return index

    def count(self) -> int:
        """Number of passages held."""
        return self._collection.count()

    def add(self, passages: list[Passage], vectors: Vectors) -> None:
        """Adds passages with their vectors, shape (n, 384)."""
        for start in range(0, len(passages), WRITE_BATCH):
            part = passages[start : start + WRITE_BATCH]
            self._collection.add(
                ids=[passage.id for passage in part],
                embeddings=vectors[start : start + WRITE_BATCH],
                documents=[passage.text for passage in part],
                metadatas=[_metadata(passage) for passage in part],
            )

    def query(self, vector: list[float], count: int) -> list[Passage]:
        """The `count` nearest passages, best first, with their cosine similarity as score."""
        try:
            found = self._collection.query(
                query_embeddings=[vector], n_results=count, include=["documents", "metadatas", "distances"]
            )
        except (httpx.HTTPError, ChromaError, OSError) as error:
            raise KnowledgeError(
                "The index cannot be searched right now. Check that the Chroma server runs, or run "
                "`mlops-assistant refresh --rebuild`.",
                detail=repr(error),
            ) from error
        ids, texts = found["ids"][0], (found["documents"] or [[]])[0]
        metadatas, distances = (found["metadatas"] or [[]])[0], (found["distances"] or [[]])[0]
        rows = zip(ids, texts, metadatas, distances, strict=True)
        return [_passage(*row) for row in rows]

    def close(self) -> None:
        """Gives files and connections back."""
        self._client.close()


def _client(place: IndexPlace, version_id: str) -> ClientAPI:
    quiet = ChromaSettings(anonymized_telemetry=False)
    if place.url is None:
        folder = place.folder / version_id
        folder.mkdir(parents=True, exist_ok=True)
        return chromadb.PersistentClient(str(folder), settings=quiet)
    scheme, _, rest = place.url.partition("://")
    host, _, port = rest.partition(":")
    try:
        return chromadb.HttpClient(
            host, int(port or (443 if scheme == "https" else 8000)), ssl=scheme == "https", settings=quiet
        )
    except (ValueError, ChromaError, OSError) as error:
        raise KnowledgeError(
            f"The Chroma server at {place.url} cannot be reached. Start it, or correct CHROMA_URL.",
            detail=str(error),
        ) from error


def _collection(version_id: str) -> str:
    return f"passages-{version_id}"


def _metadata(passage: Passage) -> dict[str, str]:
    return {
        "document": passage.document,
        "title": passage.title,
        "heading_path": json.dumps(passage.heading_path),
        "address": passage.address,
        "product": passage.product,
    }


def _passage(passage_id: str, text: str, metadata: Any, distance: float) -> Passage:
    return Passage(
        id=passage_id,
        document=metadata["document"],
        title=metadata["title"],
        heading_path=tuple(json.loads(metadata["heading_path"])),
        address=metadata["address"],
        text=text,
        product=metadata["product"],
        score=round(1 - distance, 4),
    )
