"""The worker process that builds an index version: `python -m core.knowledge.build`.

Comes in on standard input: one JSON job. Goes out on standard output: one JSON line a step of progress, then the
number of passages. A process of its own, so that neither the event loop nor the serving process's memory notices.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.domain.knowledge import Document, Progress
from core.knowledge.chunk import chunk, embedding_text
from core.knowledge.embed import Embedder
from core.knowledge.index import IndexPlace, PassageIndex

EMBED_BATCH = 32


def job(documents: list[Document], model_dir: Path, place: IndexPlace, version_id: str) -> str:
    """What the worker reads: everything it needs, as JSON."""
    return json.dumps(
        {
            "documents": [asdict(document) for document in documents],
            "model_dir": str(model_dir),
            "folder": str(place.folder),
            "url": place.url,
            "version_id": version_id,
        }
    )


def main() -> None:
    """Builds the version that the job on standard input asks for."""
    task = json.load(sys.stdin)
    documents = [Document(**fields) for fields in task["documents"]]
    embedder = Embedder(Path(task["model_dir"]))
    index = PassageIndex.create(IndexPlace(Path(task["folder"]), task["url"]), task["version_id"])

    passages = {passage.id: passage for document in documents for passage in chunk(document, embedder.count_tokens)}
    todo = list(passages.values())
    _say(asdict(Progress("embedding", 0, len(todo))))
    for start in range(0, len(todo), EMBED_BATCH):
        part = todo[start : start + EMBED_BATCH]
        index.add(part, embedder.embed([embedding_text(passage) for passage in part]))
        _say(asdict(Progress("embedding", start + len(part), len(todo))))
    index.close()
    _say({"passages": len(todo)})


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
