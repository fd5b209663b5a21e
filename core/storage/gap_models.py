"""The tables of gaps, of the cards that answer them, and of what chat platforms are to do about both."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.storage.ids import new_id, now
from core.storage.models import Base


class GapRow(Base):
    """Questions that ask the same and had no good answer. `total` is the sum of their vectors, as float32."""

    __tablename__ = "gaps"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    state: Mapped[str] = mapped_column(String(10))
    total: Mapped[bytes] = mapped_column(LargeBinary)
    model: Mapped[str] = mapped_column(String(64))
    decided_by: Mapped[str] = mapped_column(String(200), default="")
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class GapQuestionRow(Base):
    """A question in its gap; it goes with the question, so that what somebody deleted stays nowhere."""

    __tablename__ = "gap_questions"
    __table_args__ = (Index("ix_gap_questions_gap", "gap_id", "asked_at", "question_id"),)

    question_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    gap_id: Mapped[str] = mapped_column(ForeignKey("gaps.id", ondelete="CASCADE"))
    asked_at: Mapped[datetime]


class CardRow(Base):
    """An answer that somebody wrote by hand."""

    __tablename__ = "cards"
    __table_args__ = (Index("ix_cards_review_on", "review_on", "id"), Index("ix_cards_gap_id", "gap_id"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    question: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(200))
    review_on: Mapped[date]
    gap_id: Mapped[str | None] = mapped_column(ForeignKey("gaps.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)


class ErrandRow(Base):
    """Something that whoever speaks on a platform is to do once.

    One that was `taken` and not `done` within a while is free again: its process is gone.
    """

    __tablename__ = "errands"
    __table_args__ = (
        UniqueConstraint("kind", "message_id", name="uq_errands_message"),
        Index("ix_errands_open", "platform", "done_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(10))
    platform: Mapped[str] = mapped_column(String(20))
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    event_id: Mapped[str] = mapped_column(String(200), default="")
    asked_by: Mapped[str] = mapped_column(String(200))
    attempts: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(Text, default="")
    taken_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
