"""Runs the build in its worker process and passes its progress on.

Comes in: documents and where to put what becomes of them. Goes out: the pages as they are indexed now. Called by the
indexer.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from core.domain.knowledge import Document, Progress
from core.errors import RefreshFailed
from core.knowledge.index.build import Job
from core.knowledge.index.dense import IndexPlace
from core.settings import ROOT, child_environment
from core.storage.versions import IndexedPage

Tell = Callable[[Progress], Awaitable[None]]

LINE_LIMIT = 1_000_000
"""Bytes of a line of progress or complaint."""


@dataclass(frozen=True)
class Built:
    """What the worker left behind: the pages with their passage ids, and the folder of its output."""

    pages: list[IndexedPage]
    folder: Path


class BuildWorker:
    """Starts worker processes. `work_dir` holds their files while they run."""

    def __init__(self, model_dir: Path, place: IndexPlace, work_dir: Path) -> None:
        self._model_dir = model_dir
        self._place = place
        self._work_dir = work_dir

    def tidy(self) -> None:
        """Deletes the files of workers that were killed."""
        shutil.rmtree(self._work_dir, ignore_errors=True)

    @asynccontextmanager
    async def run(
        self, documents: AsyncIterator[Document], count: int, tell: Tell, *, version_id: str | None = None
    ) -> AsyncGenerator[Built]:
        """Builds a version, or the passages of a change when no version is named; its files last as long as the block.

        Raises RefreshFailed with the worker's reason.
        """
        self._work_dir.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="build-", dir=self._work_dir))
        try:
            job = Job(
                documents=str(await _write(documents, folder / "documents.jsonl")),
                count=count,
                output=str(folder),
                model_dir=str(self._model_dir),
                cache=str(self._model_dir.parent / "vectors.db"),
                folder=str(self._place.folder),
                url=self._place.url,
                version_id=version_id,
            )
            await _work(job, tell)
            yield Built(await asyncio.to_thread(_pages, folder / "contents.jsonl"), folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _work(job: Job, tell: Tell) -> None:
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "core.knowledge.index.build",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=child_environment(),
        cwd=ROOT,
        limit=LINE_LIMIT,
    )
    assert worker.stdin is not None  # noqa: S101 - asked for above
    assert worker.stdout is not None  # noqa: S101
    assert worker.stderr is not None  # noqa: S101
    complaints = asyncio.create_task(worker.stderr.read())
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # a worker that died says why on standard error
            worker.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
            await worker.stdin.drain()  # and it stays open: the worker ends when this process is gone
        async for line in worker.stdout:
            await tell(Progress(**json.loads(line)))
        status = await worker.wait()
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()
    reason = (await complaints).decode(errors="replace").strip()
    if status != 0:
        raise RefreshFailed(
            f"The index could not be built: {(reason.splitlines() or ['the worker stopped'])[-1]} "
            "The live index was kept.",
            detail=reason[-2000:],
        )


async def _write(documents: AsyncIterator[Document], file: Path) -> Path:
    with file.open("w", encoding="utf-8") as stream:
        async for document in documents:
            stream.write(json.dumps(asdict(document)) + "\n")
    return file


def _pages(file: Path) -> list[IndexedPage]:
    lines = file.read_text(encoding="utf-8").split("\n")[:-1]
    rows = [json.loads(line) for line in lines]
    return [IndexedPage(path, content_hash, tuple(ids)) for path, content_hash, ids in rows]
