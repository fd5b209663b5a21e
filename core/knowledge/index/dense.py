"""The dense side of an index version in Chroma: a folder of its own, or a collection of its own on a Chroma server.

Comes in: passages with their vectors from the build and from changes in place. Goes out: the ids nearest to a vector,
and passages by id. A long passage has several vectors; all but the first stand under the passage's id with a number.
"""

import functools
import json
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import chromadb
import httpx
import numpy as np
from chromadb.api import ClientAPI
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError

from core.domain.knowledge import Passage
from core.errors import IndexAway, IndexCorrupt, KnowledgeError
from core.knowledge.index.embed import Vectors

WRITE_BATCH = 50
"""Rows a write: 500 freeze the interpreter for 0.2 s, and with it the event loop."""

FILL_BATCH = 500
"""Rows a write in the worker process, which serves nobody."""

WINDOW = "#"
"""Between the id of a passage and the number of a further vector of it."""

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

    def lexical_folder(self, version_id: str) -> Path | None:
        """Where the lexical side of a version stands; with a server each process keeps its own in memory."""
        return self.folder / version_id / "lexical" if self.url is None else None

    def leftovers(self, known: set[str]) -> list[str]:
        """Versions whose build was interrupted: folders that no row of the database knows."""
        if self.url is not None or not self.folder.is_dir():
            return []
        return [entry.name for entry in self.folder.iterdir() if entry.is_dir() and entry.name not in known]

    def ping(self) -> None:
        """Raises KnowledgeError unless the Chroma server answers; embedded Chroma always does."""
        if self.url is not None:
            _reach(self.url)

    def check_server(self) -> None:
        """Raises KnowledgeError unless there is no Chroma server, or one of the version that our client speaks to."""
        if self.url is None:
            return
        theirs, ours = _client(self, "").get_version(), chromadb.__version__
        if theirs.partition(".")[0] != ours.partition(".")[0]:
            raise KnowledgeError(
                f"The Chroma server at {self.url} is of version {theirs} and this needs {ours.partition('.')[0]}.x: "
                f"start chromadb/chroma:{ours} there, or correct CHROMA_URL."
            )


class PassageIndex:
    """A version that is open. Close it when another one takes its place."""

    def __init__(self, client: Any, collection: chromadb.Collection, *, shared: bool) -> None:
        self._client = client
        self._collection = collection
        self._shared = shared

    @classmethod
    def create(cls, place: IndexPlace, version_id: str) -> Self:
        """An empty version, for the build."""
        client = _client(place, version_id)
        collection = client.create_collection(
            _collection(version_id), embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        return cls(client, collection, shared=place.url is not None)

    @classmethod
    def open(cls, place: IndexPlace, version_id: str, *, passages: int) -> Self:
        """A finished version with `passages` passages or more. Raises IndexCorrupt when it cannot be read."""
        damaged = IndexCorrupt(CORRUPT)
        if not place.holds(version_id):
            raise damaged
        try:
            client = _client(place, version_id)
            collection = client.get_collection(_collection(version_id), embedding_function=None)
            index = cls(client, collection, shared=place.url is not None)
            held = index.count()
            if held:
                index._collection.query(query_embeddings=index._collection.peek(1)["embeddings"], n_results=1)
        except KnowledgeError:
            raise
        except Exception as error:  # a damaged file surfaces as whatever SQLite, Rust or JSON makes of it
            damaged.detail = repr(error)
            raise damaged from error
        if held < passages:
            damaged.detail = f"{held} vectors for {passages} passages"
            raise damaged
        return index

    def count(self) -> int:
        """Number of vectors held; at least one a passage."""
        return self._collection.count()

    def ids(self) -> set[str]:
        """The ids of all passages held."""
        return {row.partition(WINDOW)[0] for row in self._collection.get(include=[])["ids"]}

    def fill(self, passages: Sequence[Passage], vectors: Sequence[Vectors]) -> None:
        """Adds passages that are not there yet to a version that nobody reads; vectors of shape (n, dimensions)."""
        for batch in _batches(passages, vectors, FILL_BATCH):
            self._collection.add(**batch)

    def put(self, passages: Sequence[Passage], vectors: Sequence[Vectors]) -> None:
        """Adds passages, or what is missing of them, in steps small enough for a process that serves meanwhile."""
        for batch in _batches(passages, vectors, WRITE_BATCH):
            self._collection.upsert(**batch)

    def remove(self, ids: Sequence[str]) -> None:
        """Removes passages with all their vectors."""
        for start in range(0, len(ids), WRITE_BATCH):
            part = list(ids[start : start + WRITE_BATCH])
            further: Any = {"passage": {"$in": part}}
            windows = self._collection.get(where=further, include=[])["ids"]
            self._collection.delete(ids=[*part, *windows])

    def nearest(
        self, vector: Vectors, count: int, *, sources: Sequence[str] = (), products: Sequence[str] = ()
    ) -> dict[str, float]:
        """The ids of the passages nearest to a vector with their cosine, best first; `count` vectors are looked at."""
        with _searching():
            found = self._collection.query(
                query_embeddings=[vector],
                n_results=count,
                where=_filter(sources, products),
                include=["distances"],
            )
        ranked: dict[str, float] = {}
        for row, distance in zip(found["ids"][0], (found["distances"] or [[]])[0], strict=True):
            ranked.setdefault(row.partition(WINDOW)[0], round(1 - distance, 4))
        return ranked

    def similarities(self, vector: Vectors, ids: Sequence[str]) -> list[float]:
        """The cosine of each passage's first vector with another one of length 1. Raises IndexCorrupt as `get` may."""
        if not ids:
            return []
        with _searching():
            found = self._collection.get(ids=list(ids), include=["embeddings"])
        rows = np.asarray(found["embeddings"], dtype=np.float32).reshape(-1, vector.size)
        known: dict[str, float] = dict(zip(found["ids"], (rows @ vector).tolist(), strict=True))
        if missing := set(ids) - known.keys():
            raise IndexCorrupt(CORRUPT, detail=f"{len(missing)} passages are missing")
        return [known[row] for row in ids]

    def get(self, ids: Sequence[str]) -> dict[str, Passage]:
        """Passages by their ids; those that are not there are left out."""
        if not ids:  # Chroma refuses to look for none
            return {}
        with _searching():
            found = self._collection.get(ids=list(ids), include=["documents", "metadatas"])
        rows = zip(found["ids"], found["documents"] or [], found["metadatas"] or [], strict=True)
        return {row[0]: _passage(*row) for row in rows}

    def close(self) -> None:
        """Gives files back; the connections to a server are everybody's."""
        if not self._shared:
            self._client.close()


def _client(place: IndexPlace, version_id: str) -> ClientAPI:
    if place.url is not None:
        return _reach(place.url)
    folder = place.folder / version_id
    folder.mkdir(parents=True, exist_ok=True)
    return chromadb.PersistentClient(str(folder), settings=ChromaSettings(anonymized_telemetry=False))


def _reach(url: str) -> ClientAPI:
    try:
        client = _server(url)
        client.heartbeat()
    except (ValueError, ChromaError, httpx.HTTPError, OSError) as error:
        raise IndexAway(
            f"The Chroma server at {url} cannot be reached. Start it, or correct CHROMA_URL.", detail=str(error)
        ) from error
    return client


@functools.cache
def _server(url: str) -> ClientAPI:
    """One client a server for the whole process: each keeps a megabyte for good, even when it is closed."""
    scheme, _, rest = url.partition("://")
    host, _, port = rest.partition(":")
    secure = scheme == "https"
    quiet = ChromaSettings(anonymized_telemetry=False)
    return chromadb.HttpClient(host, int(port or (443 if secure else 8000)), ssl=secure, settings=quiet)


def _collection(version_id: str) -> str:
    return f"passages-{version_id}"


@contextmanager
def _searching() -> Generator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise IndexAway("The Chroma server does not answer. Check that it runs.", detail=repr(error)) from error
    except (httpx.HTTPError, ChromaError, OSError) as error:
        raise KnowledgeError(
            "The index cannot be searched right now. Check that the Chroma server runs, or run "
            "`mlops-assistant refresh --rebuild`.",
            detail=repr(error),
        ) from error


def _filter(sources: Sequence[str], products: Sequence[str]) -> Any:
    wanted = [
        {field: {"$in": list(values)}} for field, values in (("source", sources), ("product", products)) if values
    ]
    return {"$and": wanted} if len(wanted) > 1 else wanted[0] if wanted else None


def _batches(passages: Sequence[Passage], vectors: Sequence[Vectors], size: int) -> Iterator[dict[str, Any]]:
    """What Chroma's writing methods take, some rows at a time."""
    rows = [row for passage, held in zip(passages, vectors, strict=True) for row in _rows(passage, held)]
    for start in range(0, len(rows), size):
        ids, embeddings, documents, metadatas = zip(*rows[start : start + size], strict=True)
        yield {
            "ids": list(ids),
            "embeddings": np.array(embeddings),
            "documents": list(documents),
            "metadatas": list(metadatas),
        }


def _rows(passage: Passage, vectors: Vectors) -> list[tuple[str, Any, str, dict[str, str]]]:
    """What Chroma stores for a passage: the first row carries it, further ones only lead to it."""
    scope = {"product": passage.product, "source": passage.source}
    told = {
        "document": passage.document,
        "title": passage.title,
        "heading_path": json.dumps(passage.heading_path),
        "address": passage.address,
        **scope,
    }
    windows = enumerate(vectors[1:], 1)
    further = [(f"{passage.id}{WINDOW}{n}", row, "", {"passage": passage.id, **scope}) for n, row in windows]
    return [(passage.id, vectors[0], passage.text, told), *further]


def _passage(passage_id: str, text: str, metadata: Any) -> Passage:
    return Passage(
        id=passage_id,
        document=metadata["document"],
        title=metadata["title"],
        heading_path=tuple(json.loads(metadata["heading_path"])),
        address=metadata["address"],
        text=text,
        product=metadata["product"],
        source=metadata["source"],
    )
