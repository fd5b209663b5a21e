"""Brings the index up to date: reads the pages, builds a version beside the live one, then promotes it.

Comes in: who asked. Goes out: `Progress` while it runs, then the `RefreshRun`. Two refreshes at once are one refresh.
Called at start, by the scheduler, the command, `POST /index-docs` and the console.
"""

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.domain.knowledge import Document, IndexVersion, Progress, RefreshRun, RunStatus, Stage
from core.errors import AssistantError, RefreshFailed
from core.knowledge import chunk
from core.knowledge.build import job
from core.knowledge.index import IndexPlace
from core.knowledge.package import WEIGHTS_SHA256
from core.knowledge.sources import read_documents
from core.settings import ROOT, child_environment
from core.storage.ids import new_id, now
from core.storage.library import Library

KEPT_VERSIONS = 2
"""The live version and the one before it, which readers may still have open."""


class Refresher:
    """Runs refreshes, one at a time in this process."""

    def __init__(self, library: Library, knowledge_dir: Path, model_dir: Path, place: IndexPlace) -> None:
        self._library = library
        self._knowledge_dir = knowledge_dir
        self._model_dir = model_dir
        self._place = place
        self._task: asyncio.Task[RefreshRun] | None = None
        self._progress = Progress("reading")
        self._news = asyncio.Condition()

    @property
    def running(self) -> bool:
        """Whether a refresh is under way."""
        return self._task is not None and not self._task.done()

    async def refresh(self, trigger: str, *, rebuild: bool = False) -> AsyncGenerator[Progress | RefreshRun]:
        """Starts a refresh, or joins the one that runs: progress as it comes, then the finished run.

        `rebuild` builds a new version even when nothing changed. The refresh goes on when the caller stops listening.
        Raises RefreshFailed with the reason; the live index is untouched then.
        """
        if not self.running:
            self._progress = Progress("reading")
            self._task = asyncio.create_task(self._run(trigger, rebuild=rebuild))
            self._task.add_done_callback(_observed)
        task = self._task
        assert task is not None  # noqa: S101 - set above
        seen: Progress | None = None
        while not task.done():
            if self._progress != seen:
                seen = self._progress
                yield seen
                continue
            async with self._news:
                await self._news.wait_for(lambda last=seen: task.done() or self._progress != last)
        yield await task

    async def finished(self, trigger: str, *, rebuild: bool = False) -> RefreshRun:
        """A refresh without its progress."""
        async for item in self.refresh(trigger, rebuild=rebuild):
            if isinstance(item, RefreshRun):
                return item
        raise RefreshFailed("The refresh ended without a result.")  # pragma: no cover - the stream ends with a run

    async def stop(self) -> None:
        """Ends a running refresh; what it had built is removed at the next start."""
        if self._task and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def tidy(self) -> None:
        """Cleans up after a process that was killed in a refresh. For the start, before any refresh."""
        await self._library.abandon_runs()
        known = {version.id for version in await self._library.versions()}
        for leftover in self._place.leftovers(known):
            await asyncio.to_thread(self._place.remove, leftover)

    async def _run(self, trigger: str, *, rebuild: bool) -> RefreshRun:
        run = await self._library.start_run(trigger)
        try:
            version = await self._new_version(rebuild=rebuild)
        except BaseException as error:
            said = error.said if isinstance(error, AssistantError) else f"It stopped: {error!r}"
            await self._library.finish_run(run, RunStatus.FAILED, reason=said)
            raise
        else:
            status = RunStatus.PROMOTED if version else RunStatus.UNCHANGED
            return await self._library.finish_run(run, status, version=version)
        finally:
            await self._tell(Progress("done"))

    async def _new_version(self, *, rebuild: bool) -> IndexVersion | None:
        documents = await asyncio.to_thread(read_documents, self._knowledge_dir)
        configuration: dict[str, Any] = {"weights_sha256": WEIGHTS_SHA256, **chunk.CONFIGURATION}
        fingerprint = _fingerprint(documents, configuration)
        live = await self._library.production()
        if live and live.fingerprint == fingerprint and not rebuild:
            return None
        started = time.monotonic()
        version_id = new_id()
        try:
            passages = await self._build(documents, version_id)
        except BaseException:
            with suppress(AssistantError):  # what is left behind is removed at the next start
                await asyncio.to_thread(self._place.remove, version_id)
            raise
        version = IndexVersion(
            id=version_id,
            stage=Stage.PRODUCTION,
            fingerprint=fingerprint,
            documents=len(documents),
            passages=passages,
            seconds=round(time.monotonic() - started, 2),
            created_at=now(),
        )
        await self._library.replace_documents("folder", str(self._knowledge_dir), documents)
        await self._library.promote(version, configuration)
        await self._retire_old_versions()
        return version

    async def _build(self, documents: list[Document], version_id: str) -> int:
        """Runs the worker process; gives the number of passages it indexed."""
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "core.knowledge.build",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=child_environment(),
            cwd=ROOT,
        )
        assert worker.stdin is not None  # noqa: S101 - asked for above
        assert worker.stdout is not None  # noqa: S101
        assert worker.stderr is not None  # noqa: S101
        complaints = asyncio.create_task(worker.stderr.read())
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # a worker that died says why on standard error
                worker.stdin.write(job(documents, self._model_dir, self._place, version_id).encode())
                await worker.stdin.drain()
                worker.stdin.close()
            passages = await self._listen(worker.stdout)
            status = await worker.wait()
        finally:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
        if status != 0 or passages is None:
            reason = (await complaints).decode(errors="replace").strip()
            raise RefreshFailed(
                f"The index could not be built: {(reason.splitlines() or ['the worker stopped'])[-1]} "
                "The live index was kept.",
                detail=reason[-2000:],
            )
        await complaints
        return passages

    async def _listen(self, lines: asyncio.StreamReader) -> int | None:
        passages: int | None = None
        async for line in lines:
            said = json.loads(line)
            if "passages" in said:
                passages = int(said["passages"])
            else:
                await self._tell(Progress(**said))
        return passages

    async def _tell(self, progress: Progress) -> None:
        async with self._news:
            self._progress = progress
            self._news.notify_all()

    async def _retire_old_versions(self) -> None:
        for version in (await self._library.versions())[KEPT_VERSIONS:]:
            await asyncio.to_thread(self._place.remove, version.id)
            await self._library.forget_version(version.id)


def _fingerprint(documents: list[Document], configuration: dict[str, Any]) -> str:
    pages = [(document.path, document.content_hash) for document in documents]
    return hashlib.sha256(json.dumps([configuration, pages], sort_keys=True).encode()).hexdigest()


def _observed(task: asyncio.Task[RefreshRun]) -> None:
    """Marks the task's error as seen: it stands in the run's record even when nobody listens."""
    if not task.cancelled():
        task.exception()
