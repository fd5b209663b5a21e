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

COMMAND = "command"
"""Who acts where somebody typed a command on the machine."""

BUILT_IN = "owner"
"""The name of the person who is there from the beginning and logs in with the console password."""

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
class User:
    """Somebody who may log in to the console.

    `email` is how the identity provider calls a person who was not there yet, `subject` whom it has sent since. A
    session lasts while its `epoch` is that of its person. With a `temporary` password one can but change it.
    """

    id: str
    name: str
    role: Role
    created_at: datetime
    email: str = ""
    subject: str = ""
    by_password: bool = False
    temporary: bool = False
    epoch: int = 0
    disabled_at: datetime | None = None
    seen_at: datetime | None = None

    @property
    def built_in(self) -> bool:
        """Whether this is the one who is there from the beginning."""
        return self.name == BUILT_IN


@dataclass(frozen=True)
class Identity:
    """Somebody of whom an identity provider vouches; `email` is empty unless it was verified."""

    subject: str
    email: str
    name: str
    role: Role | None = None


class KeyScope(StrEnum):
    """What an API key may be used for."""

    ASK = "ask"
    READ = "read"
    MANAGE = "manage"
    METRICS = "metrics"


@dataclass(frozen=True)
class ApiKey:
    """A key of the HTTP service. What it says is not kept; `prefix` is how it begins."""

    id: str
    name: str
    prefix: str
    scopes: frozenset[KeyScope]
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def valid(self, when: datetime) -> bool:
        """Whether it is taken at that time."""
        return self.revoked_at is None and (self.expires_at is None or when < self.expires_at)


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
