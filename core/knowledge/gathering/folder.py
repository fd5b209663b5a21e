"""The pages of a folder on this machine.

Comes in: a source and the folder that relative ones start from. Goes out: its readable files. Called by the gatherer.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from core.domain.knowledge import Page, Source
from core.errors import FetchFailed
from core.knowledge.extract import READABLE
from core.knowledge.gathering.documents import document_path
from core.knowledge.gathering.failures import too_large
from core.knowledge.gathering.shelf import Copy, Entry, Listing

FILE_BYTES = 50 * 2**20


class Folder:
    """Files below a folder. Hidden ones, and links that lead out of it, are left out."""

    def __init__(self, source: Source, root: Path) -> None:
        self._source = source
        self._folder = root / source.location

    def pages(self) -> Listing:
        """Every file of a readable kind, ordered by path."""
        if not self._source.location or not self._folder.is_dir():
            raise FetchFailed(f"The folder {self._folder} is missing. Correct it; what was known is kept.")
        names = sorted(self._names(), key=lambda name: name.split("/"))
        return Listing(tuple(Entry(name, document_path(self._source, name)) for name in names))

    def prepare(self, wanted: Sequence[Entry]) -> None:
        """Nothing: files are read one by one."""

    def read(self, entry: Entry, known: Page | None) -> Copy:  # noqa: ARG002 - a file has no validators
        """One file."""
        path = self._folder / entry.location
        try:
            if path.stat().st_size > FILE_BYTES:
                raise too_large(FILE_BYTES)
            body = path.read_bytes()
        except OSError as error:
            raise FetchFailed(f"The file cannot be read: {error.strerror or error}.") from error
        return Copy(name=path.name, body=body, raw_hash=hashlib.sha256(body).hexdigest())

    def _names(self) -> Iterator[str]:
        inside = self._folder.resolve()
        for where, folders, files in os.walk(self._folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                path = Path(where, name)
                if readable(name) and path.is_file() and (not path.is_symlink() or _leads_into(path, inside)):
                    yield path.relative_to(self._folder).as_posix()


def readable(name: str) -> bool:
    """Whether a file of this name is a page: not hidden, and of a kind that can be read."""
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in READABLE


def _leads_into(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder)
    except (OSError, RuntimeError):  # a link that leads to itself
        return False
