"""The tables of the knowledge base: sources, pages and what they say, index versions, and how those are measured.

What a page says stands once in `contents`, named by its hash, as a repository keeps its files: documents, index
versions and changes point to it, so that an earlier state costs a row instead of a copy.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from core.storage.ids import new_id, now
from core.storage.models import Base


class SourceRow(Base):
    """Where pages come from."""

    __tablename__ = "sources"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    location: Mapped[str] = mapped_column(Text)
    product: Mapped[str] = mapped_column(Text, default="")
    ref: Mapped[str] = mapped_column(String(200), default="")
    folder: Mapped[str] = mapped_column(String(500), default="")
    include: Mapped[list[str]] = mapped_column(default=list)
    internal: Mapped[bool] = mapped_column(default=False)
    enabled: Mapped[bool] = mapped_column(default=True)
    max_pages: Mapped[int] = mapped_column(default=500)
    schedule: Mapped[str] = mapped_column(String(100), default="")
    problem: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    refreshed_at: Mapped[datetime | None]


class SeededRow(Base):
    """The name of a source that was there from the beginning, so that it does not come back once it is removed."""

    __tablename__ = "seeded_sources"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)


class ContentRow(Base):
    """What a page says, once for each wording; `hash` is over all of it."""

    __tablename__ = "contents"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    product: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(35))
    text: Mapped[str] = mapped_column(Text)


class DocumentRow(Base):
    """A page of a source. `content_hash` is empty while nothing of it belongs into the index.

    It differs from what was last read (`raw_hash`) after a rollback, until the page changes at its source.
    """

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("path", name="uq_documents_path"),
        Index("ix_documents_source_id", "source_id"),
        Index("ix_documents_content_hash", "content_hash"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(String(500))
    location: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64), default="")
    status: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(Text, default="")
    etag: Mapped[str] = mapped_column(Text, default="")
    last_modified: Mapped[str] = mapped_column(Text, default="")
    raw_hash: Mapped[str] = mapped_column(String(64), default="")
    updated_at: Mapped[datetime] = mapped_column(default=now)
    checked_at: Mapped[datetime | None]
    gone_since: Mapped[datetime | None]


class IndexVersionRow(Base):
    """A built index. The one row whose stage is Production is the live one."""

    __tablename__ = "index_versions"
    __table_args__ = (
        Index(
            "uq_index_versions_production",
            "stage",
            unique=True,
            sqlite_where=text("stage = 'Production'"),
            postgresql_where=text("stage = 'Production'"),
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    stage: Mapped[str] = mapped_column(String(12))
    fingerprint: Mapped[str] = mapped_column(String(64))
    configuration: Mapped[dict[str, Any]]
    revision: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text, default="")
    rejected: Mapped[bool] = mapped_column(default=False)
    documents: Mapped[int]
    passages: Mapped[int]
    seconds: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(default=now)


class IndexContentRow(Base):
    """A page as an index version holds it: its content, and the ids of its passages in reading order."""

    __tablename__ = "index_contents"
    __table_args__ = (Index("ix_index_contents_content_hash", "content_hash"),)

    version_id: Mapped[str] = mapped_column(ForeignKey("index_versions.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(String(500), primary_key=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    passages: Mapped[list[str]]


class ChangeRow(Base):
    """What was done to the live index: `before_id` was live before; equal to `version_id` for a change in place."""

    __tablename__ = "changes"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    version_id: Mapped[str] = mapped_column(ForeignKey("index_versions.id", ondelete="CASCADE"), index=True)
    before_id: Mapped[str | None] = mapped_column(String(36))
    created_at: Mapped[datetime] = mapped_column(default=now)
    undone_at: Mapped[datetime | None]


class ChangedPageRow(Base):
    """A page of a change: its content before and after, empty where it was not in the index."""

    __tablename__ = "changed_pages"

    change_id: Mapped[str] = mapped_column(ForeignKey("changes.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(String(500), primary_key=True)
    source: Mapped[str] = mapped_column(String(64))
    before_hash: Mapped[str] = mapped_column(String(64))
    after_hash: Mapped[str] = mapped_column(String(64))


class EvaluationRow(Base):
    """How an index version answered the golden questions; it outlives the version, for the trend."""

    __tablename__ = "evaluations"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    version_id: Mapped[str] = mapped_column(String(36), index=True)
    revision: Mapped[int]
    questions: Mapped[str] = mapped_column(String(64))
    scores: Mapped[dict[str, Any]]
    outcomes: Mapped[list[dict[str, Any]]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class GoldenQuestionRow(Base):
    """A question that index versions are measured with; `name` is how files and people call it."""

    __tablename__ = "golden_questions"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    question: Mapped[str] = mapped_column(Text)
    gold: Mapped[list[str]]
    need: Mapped[str] = mapped_column(String(10))
    answer_facts: Mapped[list[str]]
    style: Mapped[str] = mapped_column(String(40), default="", index=True)
    origin: Mapped[str] = mapped_column(String(10), index=True)
    covered: Mapped[bool]
    enabled: Mapped[bool] = mapped_column(default=True)


class SeededGoldenRow(Base):
    """The name of a golden question that the file gave once, so that it does not come back once it is removed."""

    __tablename__ = "seeded_golden_questions"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)


class RefreshRunRow(Base):
    """One attempt to bring the index up to date."""

    __tablename__ = "refresh_runs"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    trigger: Mapped[str] = mapped_column(String(20))
    asked: Mapped[bool] = mapped_column(default=False, server_default=false())
    rebuild: Mapped[bool] = mapped_column(default=False, server_default=false())
    only: Mapped[str] = mapped_column(String(64), default="", server_default="")
    status: Mapped[str] = mapped_column(String(12))
    progress: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    cancelled: Mapped[bool] = mapped_column(default=False, server_default=false())
    reason: Mapped[str] = mapped_column(Text, default="")
    problems: Mapped[int] = mapped_column(default=0)
    version_id: Mapped[str | None] = mapped_column(ForeignKey("index_versions.id", ondelete="SET NULL"))
    change_id: Mapped[str | None] = mapped_column(ForeignKey("changes.id", ondelete="SET NULL"))
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
