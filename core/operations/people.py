"""Adds people who may log in to the console, recognises them, and changes what they may do.

Comes in: names, passwords, and whom an identity provider sends. Goes out: `User`s. Whoever loses a right, or gets
another password, is logged out everywhere. Called by the console.
"""

import asyncio
import time
import unicodedata
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from core.domain.people import BUILT_IN, COMMAND, SERVICE, Identity, Role, User
from core.errors import InputError, StorageError
from core.operations.passwords import check_new, fits, hash_password, make_up
from core.storage.audit import Audit
from core.storage.ids import now
from core.storage.users import Users

FRESH = 2.0
"""Seconds for which what was looked up holds. What is changed in this process holds at once."""

SEEN_EVERY = timedelta(minutes=1)

LONGEST_NAME = 64

RESERVED = {BUILT_IN, SERVICE, COMMAND, "http", "api_key"}
"""Names under which others act in the record of changes."""


class People:
    """The one desk at which people are let in and sent away."""

    def __init__(self, users: Users, audit: Audit) -> None:
        self._users = users
        self._audit = audit
        self._lately: dict[str, tuple[User | None, float]] = {}
        self._one_at_a_time = asyncio.Lock()  # argon2 takes 64 MB a check

    async def all(self) -> list[User]:
        """Everybody, by name."""
        await self.built_in()
        return await self._users.all()

    async def find(self, user_id: str) -> User | None:
        """One person, as they are now or were two seconds ago; while the database is away, as they were last."""
        known = self._lately.get(user_id)
        if known and time.monotonic() - known[1] < FRESH:
            return known[0]
        try:
            user = await self._users.find(user_id)
        except StorageError:
            if known is None:
                raise
            return known[0]
        self._lately[user_id] = (user, time.monotonic())
        return user

    async def built_in(self) -> User:
        """The owner who is there from the beginning."""
        return await self._users.named(BUILT_IN) or await self._users.add(BUILT_IN, Role.OWNER)

    async def recognise(self, name: str, password: str, console_hash: str) -> User | None:
        """Whom a name and a password belong to; the built-in owner's password is that of the console.

        Strangers take as long as others, so that nobody learns which names there are.
        """
        user = await self.built_in() if name == BUILT_IN else await self._users.named(name)
        own = await self._users.password_hash(user.id) if user else ""
        expected = console_hash if user and user.built_in else own
        well = await self._fits(password, expected or console_hash)
        return user if user and well and expected and user.disabled_at is None else None

    async def admit(self, identity: Identity) -> User | None:
        """The person whom an identity provider sent; None for one whom nobody knows and no role is meant for."""
        user = await self._users.known(identity.subject, identity.email)
        if user is None:
            return await self._welcome(identity) if identity.role else None
        if user.subject != identity.subject:
            await self._users.change(user.id, end_sessions=False, subject=identity.subject)
        if identity.role and identity.role is not user.role:
            await self.give_role(user.id, identity.role)
        fresh = await self._users.find(user.id)
        return fresh if fresh and fresh.disabled_at is None else None

    async def add(self, name: str, role: Role, *, email: str = "") -> tuple[User, str]:
        """Stores somebody new, and gives the password for the first login; none when an `email` is given.

        The identity provider sends them then. Raises InputError.
        """
        called, address = _checked(name), email.strip().casefold()
        if address and "@" not in address:
            raise InputError(f"{email!r} is no e-mail address; nothing was stored.")
        password = "" if address else make_up()
        values = {"email": address or None, "temporary": bool(password)}
        hashed = await asyncio.to_thread(hash_password, password) if password else ""
        user = await self._users.add(called, role, password_hash=hashed, **values)
        await self._audit.note("user.add", called, after={"role": role, **({"email": address} if address else {})})
        return user, password

    async def give_role(self, user_id: str, role: Role) -> None:
        """Lets somebody do more or less. Raises InputError for the last owner and the built-in one."""
        user = await self._get(user_id)
        if user.built_in:
            raise InputError("The built-in owner stays an owner; nothing was changed.")
        await self._change(user_id, role=role)
        await self._audit.note("user.role", user.name, before={"role": user.role}, after={"role": role})

    async def disable(self, user_id: str) -> None:
        """Sends somebody away; what they did stays on record. Raises InputError for the last owner."""
        user = await self._get(user_id)
        await self._change(user_id, disabled_at=now())
        await self._audit.note("user.disable", user.name, before={"enabled": True}, after={"enabled": False})

    async def enable(self, user_id: str) -> None:
        """Lets somebody in again."""
        user = await self._get(user_id)
        await self._change(user_id, disabled_at=None)
        await self._audit.note("user.enable", user.name, before={"enabled": False}, after={"enabled": True})

    async def end_sessions(self, user_id: str) -> None:
        """Logs somebody out everywhere."""
        user = await self._get(user_id)
        await self._change(user_id)
        await self._audit.note("user.sessions", user.name)

    async def reset_password(self, user_id: str) -> str:
        """Gives somebody another password, for one login. Raises InputError for the built-in owner."""
        password = make_up()
        await self._set_password(await self._get(user_id), password, temporary=True)
        return password

    async def change_password(self, user_id: str, old: str, new: str) -> None:
        """Gives somebody the password of their choice. Raises InputError, and the old one stays."""
        user = await self._get(user_id)
        hashed = await self._users.password_hash(user_id)
        if not hashed:
            raise InputError("You have no password here: the identity provider, or the console's setting, has it.")
        if not await self._fits(old, hashed):
            raise InputError("That is not your password of now; it was kept.")
        check_new(new)
        if new == old:
            raise InputError("The new password is the old one; it was kept.")
        await self._set_password(user, new, temporary=False)

    async def seen(self, user: User) -> None:
        """Notes that somebody is here, once a minute at most."""
        when = now()
        if user.seen_at is None or when - user.seen_at >= SEEN_EVERY:
            self._lately[user.id] = (replace(user, seen_at=when), time.monotonic())
            with suppress(StorageError):  # whoever needs the database says what is wrong with it
                await self._users.seen(user.id, when)

    async def _set_password(self, user: User, password: str, *, temporary: bool) -> None:
        if user.built_in:
            raise InputError("The built-in owner's password is that of the console: ADMIN_PASSWORD sets another.")
        hashed = await asyncio.to_thread(hash_password, password)
        await self._change(user.id, password_hash=hashed, temporary=temporary)
        await self._audit.note("user.password", user.name, after={"temporary": temporary})

    async def _welcome(self, identity: Identity) -> User:
        role = identity.role or Role.VIEWER
        called = _checked("-".join(identity.name.replace(":", "-").split()))
        user = await self._users.add(called, role, subject=identity.subject, email=identity.email or None)
        await self._audit.note("user.add", called, after={"role": role, "subject": identity.subject})
        return user

    async def _change(self, user_id: str, **values: object) -> None:
        await self._users.change(user_id, end_sessions=True, **values)
        self._lately.pop(user_id, None)

    async def _get(self, user_id: str) -> User:
        user = await self._users.find(user_id)
        if user is None:
            raise InputError("There is nobody with this id; nothing was changed.")
        return user

    async def _fits(self, password: str, hashed: str) -> bool:
        async with self._one_at_a_time:
            return await asyncio.to_thread(fits, password, hashed)


def plain_name(name: str) -> str:
    """A name as it is kept: small letters, without spaces around it, one way of writing each letter."""
    return unicodedata.normalize("NFKC", name[: LONGEST_NAME * 4]).strip().casefold()


def _checked(name: str) -> str:
    called = plain_name(name)
    if not called or len(called) > LONGEST_NAME:
        raise InputError(f"A name has 1 to {LONGEST_NAME} characters; nothing was stored.")
    if not called.isprintable() or " " in called or ":" in called or called in RESERVED:
        raise InputError(f"{called!r} cannot be a name: no spaces, no colons, and not one that is ours.")
    return called
