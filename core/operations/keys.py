"""Makes, checks and revokes the keys with which programs use the HTTP service.

Comes in: names and scopes, or a key that somebody sent. Goes out: `ApiKey`s; the key itself once, when it is made.
Called by the console and HTTP.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection
from datetime import timedelta

from core.domain.people import ApiKey, KeyScope
from core.errors import InputError
from core.storage.api_keys import ApiKeys
from core.storage.audit import Audit
from core.storage.ids import now

BEGINNING = "mla_"

PREFIX_LENGTH = len(BEGINNING) + 8
"""Characters of a key that are kept and shown."""

LONGEST_NAME = 64

MOST_DAYS = 3650

USED_EVERY = timedelta(minutes=1)


class Keys:
    """The one desk at which keys are given out."""

    def __init__(self, keys: ApiKeys, audit: Audit) -> None:
        self._keys = keys
        self._audit = audit

    async def all(self) -> list[ApiKey]:
        """Every key that ever was, the newest first."""
        return await self._keys.all()

    async def make(self, name: str, scopes: Collection[KeyScope], days: int | None) -> tuple[ApiKey, str]:
        """A new key, and what it says, which nobody can tell again. Without `days` it lasts. Raises InputError."""
        called = name.strip()
        if not called or len(called) > LONGEST_NAME or not called.isprintable():
            raise InputError(f"A key has a name of 1 to {LONGEST_NAME} characters; none was made.")
        if not scopes:
            raise InputError("Say what the key may be used for; none was made.")
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise InputError(f"A key lasts 1 to {MOST_DAYS} days; none was made.")
        said = BEGINNING + secrets.token_urlsafe(32)
        expires = now() + timedelta(days=days) if days else None
        key = await self._keys.add(called, said[:PREFIX_LENGTH], _digest(said), frozenset(scopes), expires)
        after = {"scopes": sorted(scopes), "expires": expires.date().isoformat() if expires else "never"}
        await self._audit.note("key.create", called, after=after)
        return key, said

    async def check(self, said: str) -> ApiKey | None:
        """The key that somebody sent, if it is one and still taken."""
        found = await self._keys.find(said[:PREFIX_LENGTH]) if said.startswith(BEGINNING) else None
        if found is None or not hmac.compare_digest(found[1], _digest(said)):
            return None
        key, when = found[0], now()
        if not key.valid(when):
            return None
        if key.used_at is None or when - key.used_at >= USED_EVERY:
            await self._keys.used(key.id, when)
        return key

    async def revoke(self, key_id: str) -> None:
        """Ends a key for good. Raises InputError when it had ended."""
        key = await self._keys.revoke(key_id)
        if key is None:
            raise InputError("This key has been revoked already.")
        await self._audit.note("key.revoke", key.name, before={"revoked": False}, after={"revoked": True})


def _digest(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()
