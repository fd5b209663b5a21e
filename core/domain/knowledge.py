"""What the assistant knows, where it comes from, and the index that finds it. Standard library only."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class SourceKind(StrEnum):
    """How the pages of a source are found."""

    PAGE = "page"
    SITEMAP = "sitemap"
    LLMS_TXT = "llms_txt"
    GIT = "git"
    FOLDER = "folder"
    UPLOAD = "upload"
    CARDS = "cards"

    @property
    def remote(self) -> bool:
        """Whether its pages come over the network."""
        return self not in {SourceKind.FOLDER, SourceKind.UPLOAD, SourceKind.CARDS}


@dataclass(frozen=True)
class Source:
    """Where pages come from. `location` is a web address, a folder, or empty for uploads.

    `include` keeps only pages whose address or path matches one of its patterns (`*` stands for anything). `ref` and
    `folder` are of a git repository: a branch or tag, and the folder of its documentation. Only an `internal` source
    may lead to addresses of a private network. `schedule` is five cron fields, in UTC, for a source that is not read
    when all others are.
    """

    name: str
    kind: SourceKind
    location: str = ""
    product: str = ""
    ref: str = ""
    folder: str = ""
    include: tuple[str, ...] = ()
    internal: bool = False
    enabled: bool = True
    max_pages: int = 500
    schedule: str = ""
    refreshed_at: datetime | None = None
    problem: str = ""


@dataclass(frozen=True)
class Document:
    """A page of the knowledge base, as Markdown. `address` is a web address, or a path on this service's console."""

    path: str
    title: str
    product: str
    address: str
    reference: str
    text: str
    content_hash: str
    source: str = ""
    language: str = ""


class PageStatus(StrEnum):
    """How the last look at a page went."""

    LIVE = "live"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True)
class Page:
    """What is known of a page at its source: the validators of its last copy, and how the last look at it went.

    `raw_hash` is the SHA-256 of the bytes last read; `gone_since` is set while the source says that it is gone.
    """

    location: str
    path: str
    status: PageStatus
    reason: str = ""
    etag: str = ""
    last_modified: str = ""
    raw_hash: str = ""
    title: str = ""
    checked_at: datetime | None = None
    gone_since: datetime | None = None


class Look(StrEnum):
    """What a look at a page brought."""

    FRESH = "fresh"
    UNCHANGED = "unchanged"
    GONE = "gone"
    FAILED = "failed"


@dataclass(frozen=True)
class PageNews:
    """The outcome of looking at one page: a document when it is fresh, else the reason why there is none."""

    location: str
    path: str
    look: Look
    document: Document | None = None
    reason: str = ""
    etag: str = ""
    last_modified: str = ""
    raw_hash: str = ""


@dataclass(frozen=True)
class Passage:
    """A piece of a document that can be retrieved.

    `score` is the calibrated probability, 0..1, that it is about what was searched; `similarity` the cosine.
    """

    id: str
    document: str
    title: str
    heading_path: tuple[str, ...]
    address: str
    text: str
    product: str = ""
    source: str = ""
    score: float = 0.0
    similarity: float = 0.0


class Stage(StrEnum):
    """Stages of an index version, named as a model registry names them."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


@dataclass(frozen=True)
class IndexVersion:
    """One built index. `configuration` is the fingerprint of the embedding model and the chunking.

    `revision` counts the changes that were applied in place since it was built, the last one at `changed_at`; `reason`
    says why it is in its stage.
    """

    id: str
    stage: Stage
    configuration: str
    documents: int
    passages: int
    seconds: float
    created_at: datetime
    revision: int = 0
    reason: str = ""
    changed_at: datetime | None = None

    @property
    def fresh_at(self) -> datetime:
        """When what it holds was last brought up to date."""
        return self.changed_at or self.created_at


@dataclass(frozen=True)
class Change:
    """What a refresh did to the live index: the paths of pages added, changed and removed.

    `version_id` is live since; `before_id` was live before, the same one for a change in place.
    """

    id: str
    version_id: str
    before_id: str | None
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    created_at: datetime
    undone_at: datetime | None = None

    @property
    def in_place(self) -> bool:
        """Whether the live version itself was changed, instead of another one put in its place."""
        return self.version_id == self.before_id


@dataclass(frozen=True)
class Progress:
    """How far a refresh is: `done` of `total` in the `unit` of the `stage`, since `seconds`."""

    stage: str
    done: int = 0
    total: int = 0
    unit: str = "pages"
    seconds: float = 0.0

    @property
    def rate(self) -> float | None:
        """Units a second, once there is something to go by."""
        return self.done / self.seconds if self.done and self.seconds >= 1 else None

    @property
    def seconds_left(self) -> float | None:
        """Estimated from the rate so far; None when it cannot be known."""
        return (self.total - self.done) / self.rate if self.rate and self.total else None


class RunStatus(StrEnum):
    """How a refresh ended."""

    RUNNING = "running"
    PROMOTED = "promoted"
    UPDATED = "updated"
    STAGED = "staged"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True)
class RefreshRun:
    """One attempt to bring the index up to date, and who asked; `problems` counts pages that could not be read."""

    id: str
    trigger: str
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None = None
    reason: str = ""
    version: IndexVersion | None = field(default=None)
    change: Change | None = field(default=None)
    problems: int = 0


@dataclass(frozen=True)
class AskedRun:
    """A refresh that one process asked for and a worker does: what it is to do, and how far it is."""

    run: RefreshRun
    rebuild: bool
    only: str
    progress: Progress
    cancelled: bool
