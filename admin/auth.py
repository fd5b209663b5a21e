"""The way in to a console that nobody has set up yet: one password, kept only as an argon2 hash.

Comes in: settings, and `console.json` in VAR_DIR. Goes out: `ConsoleAccess`, for `mount_console`; on the
first start without ADMIN_PASSWORD it carries the new password, which `serve` prints once. It is the password of the
built-in owner; other people are in the database. `Throttle` slows guessing down.
"""

import hashlib
import hmac
import json
import os
import secrets
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from core.errors import ConfigurationError
from core.operations.passwords import hash_password, make_up
from core.settings import Settings

FAILURES = 5
"""Wrong passwords from one address that are borne within a `WINDOW` of seconds."""

NAME_FAILURES = 20
"""Wrong passwords for one name, from wherever: more than for an address, so that it is hard to lock somebody out."""

WINDOW = 60.0

SECRET_LENGTH = 32
"""Characters; a shorter secret is not one that was made here."""

ARGON2 = "$argon2"


@dataclass(frozen=True)
class ConsoleAccess:
    """What the login is checked against. `generated` is the plain password, on the start that made it up."""

    password_hash: str
    cookie_secret: str
    generated: str | None = None


class _Kept(BaseModel):
    """What console.json holds. Without ADMIN_PASSWORD there is a hash; with it only the secret is used."""

    cookie_secret: str
    password_hash: str | None = None


def console_access(settings: Settings) -> ConsoleAccess:
    """The access to this console; makes up a password when none was ever set. Raises ConfigurationError."""
    path = settings.var_dir / "console.json"
    kept = _read(path) or _Kept(cookie_secret=secrets.token_urlsafe(48))
    if settings.admin_password is not None:
        if not path.exists():
            _write(path, kept)
        password = settings.admin_password.get_secret_value()
        return ConsoleAccess(hash_password(password), _signing_key(kept, password))
    generated = None
    if kept.password_hash is None:
        generated = make_up()
        kept.password_hash = hash_password(generated)
        _write(path, kept)
    return ConsoleAccess(kept.password_hash, _signing_key(kept, kept.password_hash), generated)


def _signing_key(kept: _Kept, password: str) -> str:
    """The key of the session cookie. It changes with the password, which so ends all sessions."""
    return hmac.new(kept.cookie_secret.encode(), password.encode(), hashlib.sha256).hexdigest()


def _read(path: Path) -> _Kept | None:
    try:
        kept = _Kept.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise ConfigurationError(
            f"{path} cannot be read; delete it and start again, and a new console password is printed.",
            detail=type(error).__name__,
        ) from error
    if len(kept.cookie_secret) < SECRET_LENGTH or not (kept.password_hash or ARGON2).startswith(ARGON2):
        raise ConfigurationError(
            f"{path} is damaged; delete it and start again, and a new console password is printed."
        )
    return kept


def _write(path: Path, kept: _Kept) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, staging = tempfile.mkstemp(prefix=".console-", dir=path.parent)  # made with mode 0600
        with os.fdopen(handle, "w") as stream:
            json.dump(kept.model_dump(), stream)
            stream.flush()
            os.fsync(stream.fileno())
        Path(staging).replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written; make {path.parent} writable for this user.", detail=str(error)
        ) from error


class Throttle:
    """Remembers wrong passwords by address or name, in memory, for one window; `limit` of them are borne."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, limit: int = FAILURES) -> None:
        self._clock = clock
        self._limit = limit
        self._attempts: dict[str, deque[float]] = {}

    def wait(self, address: str) -> float:
        """Seconds until `address` may try again; 0 means now, and counts as an attempt until `forgive`."""
        now = self._clock()
        self._forget(now - WINDOW)
        attempts = self._attempts.setdefault(address, deque())
        if len(attempts) >= self._limit:
            return attempts[0] + WINDOW - now
        attempts.append(now)
        return 0.0

    def forgive(self, address: str) -> None:
        """Forgets the attempts of an address that knew the password."""
        self._attempts.pop(address, None)

    def _forget(self, before: float) -> None:
        for address, attempts in list(self._attempts.items()):
            while attempts and attempts[0] <= before:
                attempts.popleft()
            if not attempts:
                del self._attempts[address]
