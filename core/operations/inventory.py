"""What this installation consists of: versions, room on the disk, questions in the queue, what is planned.

Comes in: settings and the parts that know. Goes out: `Stock` for the console, and a report on a fault as a zip archive,
in which no secret stands.
"""

import asyncio
import io
import json
import platform
import shutil
import stat
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from core.answering.masking import masked
from core.answering.service import AnsweringService
from core.domain.conversation import Mode
from core.knowledge.timetable import next_times
from core.operations.health import Health
from core.operations.recent_log import RECENT
from core.operations.scheduler import RefreshSchedule
from core.settings import Settings
from core.storage.engine import Database
from core.storage.sources import Sources
from core.version import VERSION

PACKAGES = ("chromadb", "crewai", "discord.py", "fastapi", "langgraph", "nicegui", "slack-bolt", "sqlalchemy")
"""Those whose version says most about a fault."""

NARROW = 0.1
"""Share of a disk that is free at least when all is well."""


@dataclass(frozen=True)
class Disk:
    """Room where VAR_DIR lies, in bytes, and what its parts take of it."""

    total: int
    free: int
    used: Mapping[str, int]

    @property
    def narrow(self) -> bool:
        """Whether it will soon be full."""
        return self.free < self.total * NARROW


@dataclass(frozen=True)
class Planned:
    """A refresh that will start at a time: of a source, or of `all sources`."""

    what: str
    at: datetime


@dataclass(frozen=True)
class Queue:
    """Questions of this process, by mode: those being answered, and those that wait for a place."""

    mode: Mode
    running: int
    waiting: int


@dataclass(frozen=True)
class Stock:
    """All of it."""

    software: Mapping[str, str]
    disk: Disk
    queues: tuple[Queue, ...]
    planned: tuple[Planned, ...]


class Inventory:
    """Takes stock when it is asked to."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        sources: Sources,
        schedule: RefreshSchedule,
        answering: AnsweringService,
    ) -> None:
        self._settings = settings
        self._database = database
        self._sources = sources
        self._schedule = schedule
        self._answering = answering

    async def take(self) -> Stock:
        """What there is now."""
        disk = await asyncio.to_thread(_disk, self._settings.var_dir)
        queues = (Queue(mode, *numbers) for mode, numbers in self._answering.queue().items())
        return Stock(self._software(), disk, tuple(queues), tuple(await self._planned()))

    async def report(self, health: Health) -> bytes:
        """A zip archive for whoever looks into a fault: health, stock, settings and the last lines of the log."""
        files = {
            "health.json": _json(asdict(health)),
            "stock.json": _json(asdict(await self.take())),
            "settings.json": told(self._settings),
            "log.txt": "\n".join(RECENT.lines()),
        }
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, text in files.items():
                packed.writestr(name, masked(text))
        return archive.getvalue()

    def _software(self) -> dict[str, str]:
        kind = "SQLite" if self._database.embedded else "Postgres"
        own = {"MLOps Assistant": VERSION, "Python": platform.python_version(), "System": platform.platform(terse=True)}
        return {**own, "Database": kind, **{name: version(name) for name in PACKAGES}}

    async def _planned(self) -> list[Planned]:
        """The next refresh of all sources, and of each source that has a schedule of its own, the soonest first."""
        now = datetime.now(UTC)
        planned = [Planned("all sources", at) for at in [self._schedule.next_run] if at]
        for source in await self._sources.all():
            if source.enabled and source.schedule:
                planned += [Planned(source.name, at) for at in next_times(source.schedule, now, 1)]
        return sorted(planned, key=lambda each: each.at)


def told(settings: Settings) -> str:
    """All settings as JSON, secrets and passwords in addresses masked."""
    return masked(_json(settings.model_dump(mode="json")))


def _disk(folder: Path) -> Disk:
    room = shutil.disk_usage(folder)
    used = {part.name: _size(part) for part in folder.iterdir()}
    return Disk(room.total, room.free, dict(sorted(used.items(), key=lambda part: -part[1])))


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; one that goes meanwhile counts as nothing."""
    size = 0
    for file in path.rglob("*") if path.is_dir() else [path]:
        with suppress(OSError):
            status = file.lstat()
            size += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return size


def _json(value: object) -> str:
    return json.dumps(value, indent=2, default=str, ensure_ascii=False)
