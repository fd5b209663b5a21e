"""What the kinds of sources have in common: a shelf lists its pages, then gives a copy of one after the other.

Implemented by `Website`, `Repository` and `Folder`; called by the gatherer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.domain.knowledge import Page


@dataclass(frozen=True)
class Entry:
    """A page that a source lists. `path` names its document.

    `changed_at` and `blob` (the hash of its content) tell, where the source tells them, that it need not be read.
    """

    location: str
    path: str
    changed_at: datetime | None = None
    blob: str = ""


@dataclass(frozen=True)
class Listing:
    """All pages of a source, and sentences on what was left out of them."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Copy:
    """A page as its source gave it, or that it is `unchanged`. `name` is its file name, which may tell its format."""

    name: str = ""
    body: bytes = b""
    raw_hash: str = ""
    address: str = ""
    media_type: str = ""
    charset: str = ""
    etag: str = ""
    last_modified: str = ""
    unchanged: bool = False


class Shelf(Protocol):
    """The pages of one source, for one look at it."""

    def pages(self) -> Listing:
        """Every page. Raises AssistantError when that cannot be told now."""
        ...

    def prepare(self, wanted: Sequence[Entry]) -> None:
        """Says which pages will be read, for shelves that fetch them together."""
        ...

    def read(self, entry: Entry, known: Page | None) -> Copy:
        """One page; `known` is the copy that need not be sent again. Raises AssistantError."""
        ...
