"""Ids and times of everything that is stored: UUIDv7 text, which sorts by time, and UTC."""

from datetime import UTC, datetime

import uuid_utils


def new_id() -> str:
    """A UUIDv7 as text."""
    return str(uuid_utils.uuid7())


def now() -> datetime:
    """The time in UTC, timezone-aware."""
    return datetime.now(UTC)
