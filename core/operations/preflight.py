"""What has to be right before anything starts: secrets, room on the disk, the database, Chroma, the clock.

Comes in: settings. Goes out: nothing, or an AssistantError whose sentence says what to change; `check_clock` gives a
sentence. `serve` asks before it listens anywhere, `doctor` asks one by one. Nothing is changed.
"""

import asyncio
import shutil
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
from pydantic import SecretStr

from core.errors import ConfigurationError, StorageError, StorageFull
from core.knowledge.index.dense import IndexPlace
from core.settings import Settings
from core.storage.migrate import is_current
from core.storage.server import rights, time_there

LEAST_BYTES = 16_000_000
"""Free on the disk of VAR_DIR, below which nothing is begun that would end half-way."""

KEY_LENGTH, PASSWORD_LENGTH = 16, 10
"""Characters of secrets that others can try out."""

KNOWN = ("changeme", "change-me", "change_me", "password", "secret", "admin", "default", "example", "letmein", "12345")
"""What stands in examples and is tried first."""

CLOCK_SECONDS = 300.0
"""How far two clocks may be apart; Slack refuses more, and so do tokens and cookies elsewhere."""


async def preflight(settings: Settings) -> None:
    """All that would keep the service from working. Raises AssistantError for the first thing that is wrong."""
    check_secrets(settings)
    check_room(settings.var_dir)
    await check_database(settings)
    await check_chroma(settings)


def check_secrets(settings: Settings) -> None:
    """Raises ConfigurationError for secrets that are easy to guess where other machines can try."""
    if settings.on_loopback:
        return
    for name, secret, length in (
        ("API_KEY", settings.api_key, KEY_LENGTH),
        ("ADMIN_PASSWORD", settings.admin_password, PASSWORD_LENGTH),
    ):
        if secret is not None and _is_weak(secret, length):
            raise ConfigurationError(
                f"{name} is easy to guess, and HOST={settings.host} can be reached from other machines: set it to a "
                f"random value of {length} characters or more (`openssl rand -hex 24`), or listen on 127.0.0.1."
            )


def check_room(folder: Path) -> None:
    """Raises ConfigurationError unless VAR_DIR can be written and has some room left."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < LEAST_BYTES:
        raise StorageFull(
            f"The disk of VAR_DIR ({folder}) has {free / 1e6:.0f} MB left and {LEAST_BYTES / 1e6:.0f} MB are the "
            "least to start with: make room, or set VAR_DIR to another disk."
        )


async def check_database(settings: Settings) -> None:
    """Raises StorageError unless the database can be reached, is of a known schema and gives us the rights we need."""
    if settings.database_file and not settings.database_file.exists():
        return  # it will be made
    current = await is_current(settings.sqlalchemy_url)
    if settings.database_file:
        return
    ours = await rights(settings.sqlalchemy_url)
    if not current and not ours.tables:
        raise StorageError(
            f"The Postgres user {ours.user} may not make tables: `GRANT CREATE, USAGE ON SCHEMA public TO "
            f"{ours.user}`, or run `mlops-assistant migrate` as a user who may."
        )
    if settings.durable_turns and not ours.ledger:
        raise StorageError(
            f"The Postgres user {ours.user} may not make the schema `dbos` for unfinished turns: grant it CREATE on "
            "the database, or set DURABLE_TURNS=false."
        )


async def check_chroma(settings: Settings) -> None:
    """Raises KnowledgeError unless the Chroma server, if there is to be one, answers and is of our version."""
    await asyncio.to_thread(IndexPlace(settings.index_dir, settings.chroma_url).check_server)


async def check_clock(settings: Settings, clock: Callable[[], float] = time.time) -> str | None:
    """A sentence on a clock that is off, by that of the Postgres or of the model's endpoint; None when all is well."""
    try:
        other = await (_model_time(settings) if settings.database_file else _postgres_time(settings))
    except StorageError:
        return None  # whether it answers at all is told elsewhere
    off = clock() - other[1] if other else 0.0
    if other is None or abs(off) < CLOCK_SECONDS:
        return None
    return (
        f"The clock of this machine is {abs(off) / 60:.0f} minutes {'ahead of' if off > 0 else 'behind'} that of "
        f"{other[0]}: set it by NTP (`timedatectl set-ntp true`); logins, Slack and schedules go by it."
    )


async def _postgres_time(settings: Settings) -> tuple[str, float]:
    return "the Postgres", await time_there(settings.sqlalchemy_url)


async def _model_time(settings: Settings) -> tuple[str, float] | None:
    if settings.model_endpoint is None:
        return None
    address = settings.model_endpoint[0]
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            reply = await client.head(f"{address}/models")
            return address, parsedate_to_datetime(reply.headers["Date"]).timestamp()
    except (httpx.HTTPError, KeyError, ValueError):
        return None  # whether it answers at all is told elsewhere


def _is_weak(secret: SecretStr, length: int) -> bool:
    said = secret.get_secret_value()
    return len(said) < length or len(set(said)) < length // 3 or any(known in said.lower() for known in KNOWN)
