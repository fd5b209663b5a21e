"""Where the build's passages go: into a new index version, or into files for a change in place.

Comes in: passages with their vectors from the worker process. `read_change` gives those of a change to the serving
process.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from core.domain.knowledge import Passage
from core.knowledge.index.dense import IndexPlace, PassageIndex
from core.knowledge.index.embed import Vectors
from core.knowledge.index.opened import lexical_sides, mark_revision, page_entry


class Sink(Protocol):
    """Where finished passages go."""

    def add(self, passages: list[Passage], vectors: list[Vectors]) -> None:
        """Takes passages, each with its vectors."""
        ...

    def add_page(self, passages: list[Passage]) -> None:
        """Takes a whole page, once its passages are known."""
        ...

    def close(self) -> None:
        """Completes what was taken."""
        ...


class VersionSink:
    """A new index version."""

    def __init__(self, place: IndexPlace, version_id: str) -> None:
        self._dense = PassageIndex.create(place, version_id)
        self._folder = place.lexical_folder(version_id)
        self._lexical = lexical_sides(self._folder) if self._folder else None

    def add(self, passages: list[Passage], vectors: list[Vectors]) -> None:
        """Takes passages, each with its vectors."""
        self._dense.fill(passages, vectors)
        if self._lexical:
            self._lexical[0].add(passages)

    def add_page(self, passages: list[Passage]) -> None:
        """Takes a whole page, once its passages are known."""
        if self._lexical:
            self._lexical[1].add([page_entry(passages)])

    def close(self) -> None:
        """Completes what was taken."""
        self._dense.close()
        if self._lexical and self._folder:
            for side in self._lexical:
                side.commit()
            mark_revision(self._folder, 0)


class ChangeSink:
    """The passages and vectors of a change, as files that `read_change` reads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._vectors: list[Vectors] = []
        self._stream = (folder / "passages.jsonl").open("w", encoding="utf-8")

    def add(self, passages: list[Passage], vectors: list[Vectors]) -> None:
        """Takes passages, each with its vectors."""
        for passage, held in zip(passages, vectors, strict=True):
            self._stream.write(json.dumps({"passage": asdict(passage), "vectors": len(held)}) + "\n")
            self._vectors.append(held)

    def add_page(self, passages: list[Passage]) -> None:
        """Takes a whole page, once its passages are known."""

    def close(self) -> None:
        """Completes what was taken."""
        self._stream.close()
        np.save(self._folder / "vectors.npy", np.concatenate(self._vectors) if self._vectors else np.empty((0, 0)))


def read_change(folder: Path) -> tuple[list[Passage], list[Vectors]]:
    """The passages of a change, each with its vectors, shape (n, dimensions)."""
    rows: Vectors = np.load(folder / "vectors.npy")
    passages: list[Passage] = []
    vectors: list[Vectors] = []
    start = 0
    for line in (folder / "passages.jsonl").read_text(encoding="utf-8").split("\n")[:-1]:
        said = json.loads(line)
        fields: dict[str, Any] = said["passage"]
        fields["heading_path"] = tuple(fields["heading_path"])
        passages.append(Passage(**fields))
        vectors.append(rows[start : start + said["vectors"]])
        start += said["vectors"]
    return passages, vectors
