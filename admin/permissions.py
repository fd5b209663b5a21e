"""Who does what in the console: asked of every action, at the server, each time that it is done.

Comes in: the session of the browser that acts. Goes out: the person, or a refusal in words. `editing` and `owning` are
put on every handler that changes something; a page that only some may see asks `may`.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from nicegui import ui

from core.domain.people import Role, acting_as

REFUSED = "You may look at this, not change it. Ask an owner of this console for the role of {role}."

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Person:
    """Whoever is logged in."""

    name: str
    role: Role


def person_of(session: MutableMapping[str, Any]) -> Person | None:
    """The person whose session this is, as things are now; None when it has ended."""
    return Person("owner", Role.OWNER) if session.get("signed_in") is True else None


def person() -> Person | None:
    """The person in front of the page that is built, or whose click is handled."""
    request = ui.context.client.request
    return person_of(request.session)


def may(role: Role) -> bool:
    """Whether the person in front of this page has such a role."""
    who = person()
    return who is not None and who.role.may(role)


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
        who = person()
        if who is None or not who.role.may(role):
            ui.notify(REFUSED.format(role=role), type="warning")
            return None
        with acting_as(who.name):
            return await handler(self, *args, **kwargs)

    return guarded
