"""An index version that is open: its dense and lexical sides, and which of their passages count.

Comes in: a version and the pages that the database says it holds. Goes out: ranked ids and passages for retrieval. What
the sides hold beyond those pages is invisible, so a change in place shows itself all at once, when the pages change.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from core.domain.knowledge import IndexVersion, Passage
from core.errors import IndexCorrupt
from core.knowledge.index.dense import CORRUPT, IndexPlace, PassageIndex
from core.knowledge.index.embed import Embedder, Vectors
from core.knowledge.index.lexical import LexicalIndex

READ_BATCH = 500

READ_KEPT = 5_000
"""Passages that are kept once they were read, about 2 KB each; Chroma takes 60 microseconds for each."""


@dataclass(frozen=True)
class Contents:
    """The pages of a version: passage ids in reading order by path, and the place of each passage."""

    pages: Mapping[str, tuple[str, ...]]
    places: Mapping[str, tuple[str, int]]

    @classmethod
    def of(cls, pages: Mapping[str, tuple[str, ...]]) -> Self:
        """The contents that pages make up; passage ids by path."""
        return cls(pages, {passage: (path, n) for path, ids in pages.items() for n, passage in enumerate(ids)})


class OpenVersion:
    """One version, for many readers and one writer at a time. Close it when another one takes its place."""

    def __init__(
        self,
        version: IndexVersion,
        dense: PassageIndex,
        passages: LexicalIndex,
        pages: LexicalIndex,
        contents: Contents,
        *,
        embedder: Embedder,
    ) -> None:
        self.version = version
        self.contents = contents
        self.dense = dense
        self.passages = passages
        self.pages = pages
        self.embedder = embedder
        self._read: dict[str, Passage] = {}

    @classmethod
    def open(cls, place: IndexPlace, version: IndexVersion, contents: Contents, embedder: Embedder) -> Self:
        """Opens a version; the lexical side is made again where it is missing or behind. Raises IndexCorrupt.

        `embedder` is the model that the version was built with; questions go through it.
        """
        dense = PassageIndex.open(place, version.id, passages=len(contents.places))
        folder = place.lexical_folder(version.id)
        lexical = open_lexical(folder, version.revision) if folder else None
        passages, pages = lexical or _rebuilt(dense, contents, folder)
        opened = cls(version, dense, passages, pages, contents, embedder=embedder)
        if folder and lexical is None:
            mark_revision(folder, version.revision)
        return opened

    def get(self, ids: Sequence[str]) -> list[Passage]:
        """Passages by their ids, in that order. Raises IndexCorrupt when one is missing."""
        read = self._read  # threads may put another one in its place
        known = {passage_id: read[passage_id] for passage_id in ids if passage_id in read}
        if unknown := [passage_id for passage_id in dict.fromkeys(ids) if passage_id not in known]:
            found = self.dense.get(unknown)
            if len(found) != len(unknown):
                raise IndexCorrupt(CORRUPT, detail=f"{len(unknown) - len(found)} passages are missing")
            known |= found
            if len(read) > READ_KEPT:
                self._read = read = {}
            read.update(found)
        return [known[passage_id] for passage_id in ids]

    def add(self, passages: Sequence[Passage], vectors: Sequence[Vectors]) -> None:
        """Writes passages that become visible with `show`."""
        self.dense.put(passages, vectors)
        self.passages.remove(passage.id for passage in passages)  # of an attempt that failed half-way
        self.passages.add(passages)
        self.passages.commit()

    def show(self, version: IndexVersion, changed: Mapping[str, tuple[str, ...]], place: IndexPlace) -> None:
        """Makes the version what it is from now on: `changed` gives the passages of a path, none when it left."""
        before = self.contents
        kept = {path: ids for path, ids in before.pages.items() if path not in changed}
        self.pages.remove(path for path in changed if path in before.pages)
        present = {path: ids for path, ids in changed.items() if ids}
        self.pages.add(page_entry(self.get(ids)) for ids in present.values())
        self.pages.commit()
        self.version, self.contents = version, Contents.of(kept | present)
        self._read = {}
        self._drop(before.places.keys() - self.contents.places.keys())
        if folder := place.lexical_folder(version.id):
            mark_revision(folder, version.revision)

    def tidy(self) -> None:
        """Deletes passages that an interrupted change left behind."""
        if self.dense.count() > len(self.contents.places):
            self._drop(self.dense.ids() - self.contents.places.keys())

    def close(self) -> None:
        """Gives files and connections back."""
        self.dense.close()

    def _drop(self, ids: Iterable[str]) -> None:
        gone = list(ids)
        if gone:
            self.passages.remove(gone)
            self.passages.commit()
            self.dense.remove(gone)


def page_entry(passages: Sequence[Passage]) -> Passage:
    """A whole page as one entry of the lexical index, named by its path."""
    first = passages[0]
    headings = dict.fromkeys(heading for passage in passages for heading in passage.heading_path)
    text = "\n\n".join([*headings, *(passage.text for passage in passages)])
    return Passage(first.document, first.document, first.title, (), "", text, first.product, first.source)


def lexical_sides(folder: Path | None) -> tuple[LexicalIndex, LexicalIndex]:
    """Empty lexical indexes for passages and for pages; in memory without a folder."""
    if folder is None:
        return LexicalIndex.create(None), LexicalIndex.create(None)
    return LexicalIndex.create(folder / "passages"), LexicalIndex.create(folder / "pages")


def mark_revision(folder: Path, revision: int) -> None:
    """Notes which revision of the version the lexical indexes in `folder` are complete for."""
    (folder / "revision.json").write_text(json.dumps(revision))


def open_lexical(folder: Path, revision: int) -> tuple[LexicalIndex, LexicalIndex] | None:
    """The lexical indexes in `folder`; None when they are missing, damaged or of another revision."""
    try:
        if json.loads((folder / "revision.json").read_text()) != revision:
            return None
        return LexicalIndex.open(folder / "passages"), LexicalIndex.open(folder / "pages")
    except (OSError, ValueError, IndexCorrupt):
        return None


def _rebuilt(dense: PassageIndex, contents: Contents, folder: Path | None) -> tuple[LexicalIndex, LexicalIndex]:
    passages, pages = lexical_sides(folder)
    for ids_of_pages in _batches(contents):
        found = dense.get([passage for ids in ids_of_pages for passage in ids])
        for ids in ids_of_pages:
            if held := [found[passage] for passage in ids if passage in found]:
                passages.add(held)
                pages.add([page_entry(held)])
    passages.commit()
    pages.commit()
    return passages, pages


def _batches(contents: Contents) -> Iterator[list[tuple[str, ...]]]:
    """The passages of pages, some hundred at a time: each reading of a server takes milliseconds."""
    batch: list[tuple[str, ...]] = []
    for ids in contents.pages.values():
        batch.append(ids)
        if sum(map(len, batch)) >= READ_BATCH:
            yield batch
            batch = []
    yield batch
