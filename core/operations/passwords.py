"""Hashes passwords with argon2, and makes them up.

Comes in: passwords. Goes out: hashes, and whether one fits. Called by `People` and the access of the console.
"""

import secrets

from pwdlib import PasswordHash

from core.errors import InputError

HASHER = PasswordHash.recommended()

SHORTEST = 12
LONGEST = 200


def hash_password(password: str) -> str:
    """The hash under which a password is kept. Takes a good part of a second."""
    return HASHER.hash(password)


def fits(password: str, hashed: str) -> bool:
    """Whether a password is the one that was hashed; takes as long."""
    return HASHER.verify(password, hashed)


def make_up() -> str:
    """A password that nobody guesses."""
    return secrets.token_urlsafe(18)


def check_new(password: str) -> None:
    """Raises InputError for a password that is too easy to guess."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(f"A password has {SHORTEST} to {LONGEST} characters; nothing was changed.")
    if len(set(password)) < SHORTEST // 2:
        raise InputError("A password of so few different characters is guessed soon; nothing was changed.")
