"""Who does what in the console: asked of every action, at the server, each time that it is done.

Comes in: the session of the browser that acts. Goes out: the person, or a refusal in words. `editing` and `owning` are
put on every handler that changes something, `asking` on what anybody may do who is still logged in; a page that only
some may see asks `may`.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from nicegui import ui

from core.domain.people import Role, User, acting_as
from core.operations.people import People

REFUSED = "This takes the role of {role}; nothing was done. Ask an owner of this console for it."

ENDED = "Your session has ended; nothing was changed. Load the page again to log in."

LIFE = 7 * 24 * 60 * 60
"""Seconds after which a session ends."""

IDLE = 12 * 60 * 60
"""Seconds after which it ends when nothing is done in it."""

NOTED = 60
"""Seconds between two notes in the session that something is done."""

VISIT = "visit"
"""Where a request keeps its visit."""

_needed: ContextVar[Role] = ContextVar("needed", default=Role.OWNER)

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Person:
    """Whoever is logged in. With a `temporary` password they may but change it."""

    name: str
    role: Role
    id: str = ""
    temporary: bool = False


class Visit:
    """A session as one request or socket of it sees it: `person` is who looked last."""

    def __init__(self, session: MutableMapping[str, Any], people: People) -> None:
        self._session = session
        self._people = people
        self.person: Person | None = None

    async def look(self, *, active: bool = True) -> Person | None:
        """Whose session it is, as things are now; None when it has ended. `active` keeps it from ending by itself."""
        user = await user_of(self._session, self._people)
        self.person = Person(user.name, user.role, user.id, user.temporary) if user else None
        if user and active:
            if time.time() - self._session["seen"] >= NOTED:
                self._session["seen"] = int(time.time())
            await self._people.seen(user)
        return self.person


def sign_in(session: MutableMapping[str, Any], user: User) -> None:
    """Opens a session; nothing of an earlier one is kept."""
    session.clear()
    at = int(time.time())
    session.update(user=user.id, epoch=user.epoch, at=at, seen=at)


async def user_of(session: MutableMapping[str, Any], people: People) -> User | None:
    """The person whose session this is; None when it has ended, by time or because somebody ended it."""
    match dict(session):
        case {"user": str(user_id), "epoch": int(epoch), "at": int(at), "seen": int(seen)}:
            user = await people.find(user_id)
        case _:
            return None
    if time.time() - at >= LIFE or time.time() - seen >= IDLE:
        return None
    return user if user and user.epoch == epoch and user.disabled_at is None else None


def person() -> Person | None:
    """The person in front of the page that is built, or whose click is handled."""
    return _visit().person


def may(role: Role) -> bool:
    """Whether the person in front of this page has such a role."""
    who = person()
    return who is not None and who.role.may(role)


async def still_may() -> bool:
    """Whether the person may still do what runs, after they were asked something; if not, they are told."""
    return await _allowed(_needed.get()) is not None


def asking(
    handler: Callable[Concatenate[S, P], Awaitable[T]],
) -> Callable[Concatenate[S, P], Awaitable[T | None]]:
    """Lets everybody who is logged in run a method, in their name; a session that has ended is told so."""
    return _needs(Role.VIEWER, handler)


def editing(
    handler: Callable[Concatenate[S, P], Awaitable[T]],
) -> Callable[Concatenate[S, P], Awaitable[T | None]]:
    """Lets only editors and owners run a method, in their name; others are told why nothing was done."""
    return _needs(Role.EDITOR, handler)


def owning(
    handler: Callable[Concatenate[S, P], Awaitable[T]],
) -> Callable[Concatenate[S, P], Awaitable[T | None]]:
    """Lets only owners run a method, in their name; others are told why nothing was done."""
    return _needs(Role.OWNER, handler)


def _needs(
    role: Role, handler: Callable[Concatenate[S, P], Awaitable[T]]
) -> Callable[Concatenate[S, P], Awaitable[T | None]]:
    @wraps(handler)
    async def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T | None:
        who = await _allowed(role)
        if who is None:
            return None
        token = _needed.set(role)
        try:
            with acting_as(who.name):
                return await handler(self, *args, **kwargs)
        finally:
            _needed.reset(token)

    guarded.needs = role  # pyright: ignore[reportAttributeAccessIssue] - for those who list all actions
    return guarded


async def _allowed(role: Role) -> Person | None:
    who = await _visit().look()
    if who and who.role.may(role):
        return who
    ui.notify(REFUSED.format(role=role) if who else ENDED, type="warning")
    return None


def _visit() -> Visit:
    return ui.context.client.request.scope[VISIT]
