"""The tables. Ids are UUIDv7 strings, so they sort by time; times are UTC. Rows never leave `core.storage`."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from core.storage.ids import new_id, now

COUNTED = ("agents", "crews", "uncovered", "failed", "helpful", "unhelpful", "escalated", "cost")
"""What a session counts of its messages."""

ASKED = text("author <> ''")
"""Of messages that a person wrote."""


class UtcDateTime(TypeDecorator[datetime]):
    """Keeps times timezone-aware on SQLite too, which forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Stores UTC."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Reads UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Parent of all tables."""

    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[dict[str, Any]]: JSON,
    }


class SessionRow(Base):
    """A conversation, found by its address. `floor` is the person who last spoke to somebody else in it.

    What lists are filtered by is counted here, from `agents` (questions to the agent) to `cost`: see
    `core.storage.counts`. One index holds all of it, so that every filter is a walk through that index alone.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        UniqueConstraint("platform", "workspace", "channel", "thread", name="uq_sessions_key"),
        Index("ix_sessions_list", "updated_at", "id", "platform", "channel", *COUNTED),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    platform: Mapped[str] = mapped_column(String(20))
    workspace: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(64))
    thread: Mapped[str] = mapped_column(String(128), index=True)
    title: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)
    turns: Mapped[int] = mapped_column(default=0)
    summary: Mapped[str] = mapped_column(Text, default="")
    summarised: Mapped[int] = mapped_column(default=0)
    floor: Mapped[str] = mapped_column(String(64), default="")
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str] = mapped_column(String(64), default="")
    agents: Mapped[int] = mapped_column(default=0)
    crews: Mapped[int] = mapped_column(default=0)
    uncovered: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    helpful: Mapped[int] = mapped_column(default=0)
    unhelpful: Mapped[int] = mapped_column(default=0)
    escalated: Mapped[int] = mapped_column(default=0)
    cost: Mapped[int] = mapped_column(BigInteger, default=0)


class MessageRow(Base):
    """A question or an answer. `event_id` makes a redelivered question collide.

    `placement` is where its reply is: the platform's ids of all its messages, with spaces between. Both of a `turn`
    carry its number, counted by the session: clocks may jump, so ids do not tell the order. `keeper` is the process
    that promised an answer.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("event_id", name="uq_messages_event_id"),
        UniqueConstraint("session_id", "turn", "role", name="uq_messages_turn"),
        Index("ix_messages_status", "status"),
        Index("ix_messages_created_at", "created_at"),
        Index("ix_messages_author", "author", "session_id", sqlite_where=ASKED, postgresql_where=ASKED),
        Index(
            "ix_messages_uncovered",
            "reply_to",
            sqlite_where=text("covered = 0"),
            postgresql_where=text("covered = false"),
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    turn: Mapped[int]
    reply_to: Mapped[str | None] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(String(10))
    text: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(64), default="")
    mode: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(12))
    event_id: Mapped[str | None] = mapped_column(String(200))
    placement: Mapped[str] = mapped_column(Text, default="")
    manner: Mapped[str] = mapped_column(String(10), default="reply")
    asked_at: Mapped[datetime | None]
    keeper: Mapped[str] = mapped_column(String(36), default="")
    covered: Mapped[bool] = mapped_column(default=True)
    note: Mapped[str] = mapped_column(Text, default="")
    model: Mapped[str] = mapped_column(String(200), default="")
    milliseconds: Mapped[int] = mapped_column(default=0)
    first_text: Mapped[int] = mapped_column(default=0)
    tokens: Mapped[int] = mapped_column(default=0)
    cost: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)

    attachments: Mapped[list["AttachmentRow"]] = relationship(lazy="raise", order_by="AttachmentRow.position")
    citations: Mapped[list["CitationRow"]] = relationship(lazy="raise", order_by="CitationRow.number")
    tool_calls: Mapped[list["ToolCallRow"]] = relationship(lazy="raise", order_by="ToolCallRow.position")


class AttachmentRow(Base):
    """A file that came with a question, as it was read."""

    __tablename__ = "attachments"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(100), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    image: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    problem: Mapped[str] = mapped_column(Text, default="")


class CitationRow(Base):
    """A passage as it was when an answer cited it; it outlives the index version that it came from."""

    __tablename__ = "citations"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    passage_id: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(Text)
    heading_path: Mapped[list[str]]
    address: Mapped[str] = mapped_column(Text)
    score: Mapped[float]
    quote: Mapped[str] = mapped_column(Text)


class ToolCallRow(Base):
    """One use of a tool on the way to an answer."""

    __tablename__ = "tool_calls"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    arguments: Mapped[str] = mapped_column(Text)
    result: Mapped[str] = mapped_column(Text)


class TraceRow(Base):
    """What an answer was made of, so that it can be made again; beside the message, because lists do not need it."""

    __tablename__ = "traces"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    body: Mapped[dict[str, Any]]


class ExecutorRow(Base):
    """A process that answers questions; `beat` goes up while it lives."""

    __tablename__ = "executors"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    beat: Mapped[int] = mapped_column(BigInteger, default=0)
    started_at: Mapped[datetime] = mapped_column(default=now)


class SpendingRow(Base):
    """What language models cost on a day (UTC), by person, channel or workspace, in micro-dollars."""

    __tablename__ = "spending"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    scope: Mapped[str] = mapped_column(String(10), primary_key=True)
    key: Mapped[str] = mapped_column(String(240), primary_key=True)
    cost: Mapped[int] = mapped_column(BigInteger, default=0)
    tokens: Mapped[int] = mapped_column(BigInteger, default=0)


class TallyRow(Base):
    """Questions of an hour or a day at one place, counted; `first_text`, `whole` and `people` as `Tally` has them.

    The `span` says of what: `hour` and `day` of a channel, `platform hour` and `platform day` of all its channels.
    """

    __tablename__ = "tallies"

    span: Mapped[str] = mapped_column(String(20), primary_key=True)
    start: Mapped[datetime] = mapped_column(primary_key=True)
    platform: Mapped[str] = mapped_column(String(20), primary_key=True)
    workspace: Mapped[str] = mapped_column(String(64), primary_key=True)
    channel: Mapped[str] = mapped_column(String(64), primary_key=True)
    mode: Mapped[str] = mapped_column(String(10), primary_key=True)
    questions: Mapped[int] = mapped_column(default=0)
    answered: Mapped[int] = mapped_column(default=0)
    uncovered: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    helpful: Mapped[int] = mapped_column(default=0)
    unhelpful: Mapped[int] = mapped_column(default=0)
    escalated: Mapped[int] = mapped_column(default=0)
    tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cost: Mapped[int] = mapped_column(BigInteger, default=0)
    first_text: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    whole: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    people: Mapped[bytes] = mapped_column(LargeBinary, default=b"")


class FeedbackRow(Base):
    """What a person thought of an answer; one verdict a person."""

    __tablename__ = "feedback"
    __table_args__ = (UniqueConstraint("message_id", "author", name="uq_feedback_author"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    author: Mapped[str] = mapped_column(String(64))
    verdict: Mapped[str] = mapped_column(String(20))
    fault: Mapped[str] = mapped_column(String(20), default="")
    comment: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)


class EscalationRow(Base):
    """An answer with which somebody asked for a human."""

    __tablename__ = "escalations"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    author: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)


class DraftRow(Base):
    """An answer that the maintainers decide on."""

    __tablename__ = "drafts"
    __table_args__ = (Index("ix_drafts_state", "state"),)

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    placement: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(10))
    decided_by: Mapped[str] = mapped_column(String(64), default="")
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class ChannelSettingsRow(Base):
    """What was set for a channel, or with an empty `channel` for a workspace; what is not in it is not set there."""

    __tablename__ = "channel_settings"

    platform: Mapped[str] = mapped_column(String(20), primary_key=True)
    workspace: Mapped[str] = mapped_column(String(64), primary_key=True)
    channel: Mapped[str] = mapped_column(String(64), primary_key=True, default="")
    values: Mapped[dict[str, Any]]
    changed_by: Mapped[str] = mapped_column(String(64), default="")
    changed_at: Mapped[datetime] = mapped_column(default=now)


class WatchRow(Base):
    """Until when we heard what was said in a workspace."""

    __tablename__ = "watches"

    platform: Mapped[str] = mapped_column(String(20), primary_key=True)
    workspace: Mapped[str] = mapped_column(String(64), primary_key=True)
    heard_until: Mapped[datetime]


class AuditRow(Base):
    """A change that somebody made: what was done to what, and what differs since."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_subject", "subject"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(default=now)
    who: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(300))
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]


class SchemaFloorRow(Base):
    """One row: the oldest revision that code has to know to use this schema. The migrations keep it."""

    __tablename__ = "schema_floor"

    revision: Mapped[str] = mapped_column(String(32), primary_key=True)
