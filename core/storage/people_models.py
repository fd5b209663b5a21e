"""The tables of people and keys. Passwords and keys are kept as hashes alone."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.storage.ids import new_id, now
from core.storage.models import Base


class UserRow(Base):
    """Somebody who may log in to the console. Without a `password_hash`, only by the identity provider."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str | None] = mapped_column(String(254), unique=True)
    subject: Mapped[str | None] = mapped_column(String(600), unique=True)
    password_hash: Mapped[str] = mapped_column(Text, default="")
    temporary: Mapped[bool] = mapped_column(default=False)
    role: Mapped[str] = mapped_column(String(10))
    epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    disabled_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]


class ApiKeyRow(Base):
    """A key of the HTTP service, found by how it begins."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    hash: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
