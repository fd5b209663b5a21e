"""Who works with the console and the service, what they may do, and what they changed. Standard library only."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

SERVICE = "service"
"""Who acts where no person does: the schedule, a refresh at the start."""

_acting: ContextVar[str] = ContextVar("acting", default=SERVICE)


class Role(StrEnum):
    """What a person may do. Each may all that the one before may.

    `VIEWER`: look at everything but people and keys. `EDITOR`: change what is known and how it is answered.
    `OWNER`: everything else: people, keys, the record of changes, deleting what people said.
    """

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"

    def may(self, needed: "Role") -> bool:
        """Whether this role is enough where `needed` is asked for."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True)
class Change:
    """Something that was changed: by whom, what was done (`source.add`) to what, and how it was before and after."""

    id: str
    at: datetime
    who: str
    action: str
    subject: str
    before: Mapping[str, Any] = field(default_factory=dict[str, Any])
    after: Mapping[str, Any] = field(default_factory=dict[str, Any])


def acting() -> str:
    """The name of whoever acts now."""
    return _acting.get()


@contextmanager
def acting_as(name: str) -> Generator[None]:
    """What is done inside of the block is done by `name`. Every door says so before it lets somebody act."""
    token = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(token)
