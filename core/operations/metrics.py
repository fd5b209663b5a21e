"""Tells a Prometheus how the service is.

Comes in: the parts, asked when somebody scrapes. Goes out: the text of `/metrics`: what was counted in this process
(`core.answering.meters`, the process itself), and the state of its parts. What the database says of refreshes, index
and backups is the same in every process: take the maximum of them, not the sum.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core.answering.service import AnsweringService
from core.domain.knowledge import RunStatus
from core.errors import StorageError
from core.operations.health import HealthChecks, State
from core.storage.audit import Audit
from core.storage.engine import Database
from core.storage.runs import Runs
from core.storage.versions import Versions
from core.version import VERSION

BACKED_UP = "backup.make"
"""The action under which a backup is on record."""


class Metrics:
    """The figures of one process."""

    def __init__(
        self,
        health: HealthChecks,
        answering: AnsweringService,
        database: Database,
        *,
        versions: Versions,
        runs: Runs,
        audit: Audit,
    ) -> None:
        self._health = health
        self._answering = answering
        self._database = database
        self._versions = versions
        self._runs = runs
        self._audit = audit

    async def exposition(self) -> bytes:
        """All of it in Prometheus's text format; what a database that is away would tell is left out."""
        families = [*self._process(), *[family async for family in self._parts()]]
        with suppress(StorageError):
            families += [family async for family in self._stored()]
        state = CollectorRegistry()
        state.register(_Families(families))
        return generate_latest(REGISTRY) + generate_latest(state)

    def _process(self) -> Iterable[Metric]:
        yield _by("version", "assistant_build_info", "The version that runs.", {VERSION: 1})
        queues = self._answering.queue()
        running = {mode.value: busy for mode, (busy, _) in queues.items()}
        waiting = {mode.value: length for mode, (_, length) in queues.items()}
        yield _by("mode", "assistant_turns_running", "Questions that are being answered.", running)
        yield _by("mode", "assistant_queue_length", "Questions that wait in line.", waiting)
        connections = self._database.connections()
        yield _by("state", "assistant_database_connections", "By state; `most` is the limit.", connections)

    async def _parts(self) -> AsyncIterator[Metric]:
        """Without the language model, whose endpoint would be asked: `assistant_endpoint_resting` tells of that."""
        parts = (await self._health.measure(near=True)).parts
        up = {part.name: part.state is State.UP for part in parts if part.state is not State.OFF}
        yield _by("part", "assistant_part_up", "1 while a part works; a channel is one, with its socket.", up)

    async def _stored(self) -> AsyncIterator[Metric]:
        refreshes = CounterMetricFamily("assistant_refreshes", "Ended refreshes.", labels=["trigger", "outcome"])
        for (trigger, status), count in (await self._runs.counts()).items():
            if status != RunStatus.RUNNING:
                refreshes.add_metric((trigger, status), count)
        yield refreshes
        for run in await self._runs.latest(1):
            running = run.finished_at is None
            yield _one("assistant_refresh_running", "1 while a refresh is under way.", running)
            if run.finished_at:
                seconds = (run.finished_at - run.started_at).total_seconds()
                yield _one("assistant_refresh_seconds", "How long the latest refresh took.", seconds)
                yield _one("assistant_refresh_problems", "Pages that the latest refresh could not read.", run.problems)
        if last := await self._runs.last_success():
            name = "assistant_refresh_success_timestamp_seconds"
            yield _one(name, "When a refresh last ended well.", last.timestamp())
        if version := await self._versions.production():
            fresh = version.fresh_at.timestamp()
            yield _one("assistant_index_timestamp_seconds", "When the live index last changed.", fresh)
            yield _one("assistant_index_passages", "Passages of the live index.", version.passages)
        for change in await self._audit.latest(1, action=BACKED_UP):
            when = change.at.timestamp()
            yield _one("assistant_backup_timestamp_seconds", "When the latest backup was made.", when)


class _Families(Collector):
    """What was found out, as the registry wants it."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """All of it."""
        return self._families


def _one(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value=value)


def _by(label: str, name: str, told: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, told, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
