"""The worker process that cuts and embeds documents: `python -m core.knowledge.index.build`.

Comes in on standard input: one JSON job, which names a file of documents. Goes out: a new index version, or the
passages and vectors of a change as files; on standard output one JSON line a step of progress. A process of its own,
of the least priority, so that neither the event loop nor the serving process's memory notices.
"""

import functools
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.domain.knowledge import Document, Passage, Progress
from core.knowledge.index.bulk import WORTH_LOADING, Embeds, fastest
from core.knowledge.index.chunk import chunk, embedding_texts
from core.knowledge.index.dense import IndexPlace
from core.knowledge.index.embed import Embedder, Vectors
from core.knowledge.index.sinks import ChangeSink, Sink, VersionSink
from core.knowledge.index.vectors import VectorCache

PENDING = 1_000
"""Texts that are gathered before they are embedded, so that batches are of like length and memory stays flat."""

REMEMBERED_COUNTS = 10_000
"""Texts whose length is remembered: a block is counted by itself, then as part of its section."""

NICE = 19

BRIEF = 20
"""Documents up to which somebody waits for the result, and it costs the others a moment only."""


@dataclass(frozen=True)
class Job:
    """What the worker is to do; everything as plain values, to travel as JSON.

    Without `version_id` it writes a change to `output`: `passages.jsonl` and `vectors.npy`; with it, a new version.
    Either way `output` gets `contents.jsonl`: path, content hash and passage ids of each document.
    """

    documents: str
    count: int
    output: str
    model_dir: str
    cache: str
    folder: str
    url: str | None
    version_id: str | None


@dataclass
class Pending:
    """Passages that wait to be embedded, with their texts."""

    passages: list[Passage] = field(default_factory=list[Passage])
    texts: list[list[str]] = field(default_factory=list[list[str]])
    size: int = 0
    pages: int = 0

    def add(self, passage: Passage, texts: list[str]) -> None:
        """Takes a passage with the texts that are embedded for it."""
        self.passages.append(passage)
        self.texts.append(texts)
        self.size += len(texts)


class Build:
    """One run of the worker."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._model_dir = Path(job.model_dir)
        self._embedder = Embedder(self._model_dir, load=False, threads=0)
        self._engine: Embeds | None = None
        self._output = Path(job.output)
        place = IndexPlace(Path(job.folder), job.url)
        self._sink: Sink = VersionSink(place, job.version_id) if job.version_id else ChangeSink(self._output)
        self._count_tokens = functools.lru_cache(REMEMBERED_COUNTS)(self._embedder.count_tokens)
        self._embedded = self._written = 0
        self._started = time.monotonic()

    def run(self) -> None:
        """Cuts and embeds every document, and says how far it is.

        Pages are cut, embedded and written by a thread each: most of embedding and of writing runs outside of the
        interpreter, so that the three go on side by side.
        """
        self._tell(0)
        with (
            VectorCache(Path(self._job.cache), self._embedder.identity) as cache,
            ThreadPoolExecutor(1) as embedding,
            ThreadPoolExecutor(1) as writing,
        ):
            embedded: Future[Future[None]] | None = None

            def embed(pending: Pending, before: Future[Future[None]] | None) -> Future[None]:
                vectors = self._embed(pending, cache)
                if before:
                    before.result().result()
                return writing.submit(self._write, pending, vectors)

            for pending in self._cut():
                if embedded:
                    embedded.result()
                embedded = embedding.submit(embed, pending, embedded)
            if embedded:
                embedded.result().result()
        self._sink.close()

    def _cut(self) -> Iterator[Pending]:
        """The passages of all documents, gathered; notes which page has which."""
        seen: set[str] = set()
        pending = Pending()
        with (self._output / "contents.jsonl").open("w", encoding="utf-8") as contents:
            for document in _documents(Path(self._job.documents)):
                passages = chunk(document, self._count_tokens)
                ids = [passage.id for passage in passages]
                contents.write(json.dumps([document.path, document.content_hash, ids]) + "\n")
                for passage in passages:
                    if passage.id not in seen:
                        pending.add(passage, embedding_texts(passage, self._count_tokens))
                        seen.add(passage.id)
                if passages:
                    self._sink.add_page(passages)
                pending.pages += 1
                if pending.size >= PENDING:
                    yield pending
                    pending = Pending()
        yield pending

    def _embed(self, pending: Pending, cache: VectorCache) -> list[Vectors]:
        """The vectors of each passage, shape (n, dimensions); what the cache knows is not computed again."""
        texts = list(dict.fromkeys(text for texts in pending.texts for text in texts))
        known = cache.get(texts)
        missing = [text for text in texts if text not in known]
        self._embedded += pending.pages
        if missing:
            vectors = self._engine_for(len(missing)).embed(missing)
            cache.put(missing, vectors)
            known |= dict(zip(missing, vectors, strict=True))
        return [np.stack([known[text] for text in texts]) for texts in pending.texts]

    def _write(self, pending: Pending, vectors: list[Vectors]) -> None:
        if pending.passages:
            self._sink.add(pending.passages, vectors)
        self._written += pending.pages
        self._tell(self._written)

    def _engine_for(self, missing: int) -> Embeds:
        """The embedder for all that is probably still to come, going by what was missing so far."""
        expected = missing * self._job.count // max(self._embedded, 1)
        if self._engine is None and expected >= WORTH_LOADING:
            self._engine = fastest(self._embedder, self._model_dir, expected)
        return self._engine or self._embedder

    def _tell(self, done: int) -> None:
        seconds = round(time.monotonic() - self._started, 2)
        _say(asdict(Progress("embedding", done, self._job.count, seconds=seconds)))


def _documents(file: Path) -> Iterator[Document]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield Document(**json.loads(line))


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _yield_to_others() -> None:
    """Takes the processor only when nobody else wants it, as far as the system lets us say so."""
    if hasattr(os, "SCHED_IDLE"):  # Linux: whoever wakes up goes first, at once
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    if hasattr(os, "nice"):
        os.nice(NICE)


def _end_with_the_parent() -> None:
    """Waits until the other end of standard input is closed, as it is when the parent was killed."""
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """Does the job on standard input, for as long as the process that asked for it is there."""
    job = Job(**json.loads(sys.stdin.readline()))
    if job.count > BRIEF:
        _yield_to_others()
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    Build(job).run()


if __name__ == "__main__":
    main()
