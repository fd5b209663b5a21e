"""What the assistant knows, and the index that finds it. Standard library only."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class Document:
    """A page of the knowledge base. `address` is a web address, or a path on this service's console."""

    path: str
    title: str
    product: str
    address: str
    reference: str
    text: str
    content_hash: str


@dataclass(frozen=True)
class Passage:
    """A piece of a document that can be retrieved; `score` is the cosine similarity with what was searched."""

    id: str
    document: str
    title: str
    heading_path: tuple[str, ...]
    address: str
    text: str
    product: str = ""
    score: float = 0.0


class Stage(StrEnum):
    """Stages of an index version, named as a model registry names them."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


@dataclass(frozen=True)
class IndexVersion:
    """One built index. `fingerprint` covers the pages, the embedding model and the chunking."""

    id: str
    stage: Stage
    fingerprint: str
    documents: int
    passages: int
    seconds: float
    created_at: datetime


@dataclass(frozen=True)
class Progress:
    """How far a refresh is: `done` of `total` in the unit of the `stage` (pages or passages)."""

    stage: str
    done: int = 0
    total: int = 0


class RunStatus(StrEnum):
    """How a refresh ended."""

    RUNNING = "running"
    PROMOTED = "promoted"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True)
class RefreshRun:
    """One attempt to bring the index up to date, and why it was made."""

    id: str
    trigger: str
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None = None
    reason: str = ""
    version: IndexVersion | None = field(default=None)
