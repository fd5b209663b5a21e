"""The product as a process of its own: `serve` and the other commands, in an empty folder with an empty home.

Tests of whole journeys and of faults use it. The process imports this working copy, wherever it is started.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import psutil

from core.settings import child_environment

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "tests" / "pages"
NO_SOURCES = PAGES / "none.toml"
CHROMA = Path(sys.executable).with_name("chroma")

PATIENCE = 120.0
"""Seconds after which a test stops waiting for what should have happened at once: machines may be busy."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running_chroma(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A real Chroma server: its address and its process."""
    port = free_port()
    command = [CHROMA, "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)]
    with (
        (folder.parent / "chroma.log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=child_environment()) as process,  # noqa: S603
    ):
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "Frontend server listening" in line:
                break
        else:
            raise AssertionError(f"chroma did not start: {said}")
        Thread(target=process.stdout.read, daemon=True).start()  # or the server stands still once the pipe is full
        try:
            yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
        finally:
            process.kill()


class Assistant:
    """`mlops-assistant` on one VAR_DIR: `serve` in the background, other commands in the foreground."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder, self.port = folder, free_port()
        self.var_dir = settings.pop("var_dir", folder / "var")
        self.settings = settings
        self.process: asyncio.subprocess.Process | None = None
        for name in ("home", "cwd"):
            (folder / name).mkdir(parents=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        return (self.folder / "said.txt").read_text()

    def environment(self, **settings: Any) -> dict[str, str]:
        base = {
            "PATH": os.environ["PATH"], "PYTHONPATH": ROOT, "HOME": self.folder / "home",
            "VAR_DIR": self.var_dir, "PORT": self.port, "KNOWLEDGE_DIR": PAGES, "SOURCES_FILE": NO_SOURCES,
            "REFRESH_CRON": "off", "ADMIN_PASSWORD": "a console password",
        }  # fmt: skip
        return {name.upper(): str(value) for name, value in {**base, **self.settings, **settings}.items()}

    async def serve(self, *arguments: str, **settings: Any) -> None:
        """Starts the service and returns at once."""
        with (self.folder / "said.txt").open("ab") as said:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve", *arguments,
                cwd=self.folder / "cwd", env=self.environment(**settings), stdout=said, stderr=said,
            )  # fmt: skip

    async def start(self, *arguments: str, **settings: Any) -> None:
        """Starts the service and waits until it answers."""
        await self.serve(*arguments, **settings)
        await self.until(self.healthy)

    async def healthy(self) -> bool:
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                return (await client.get(f"{self.url}/health")).status_code == 200
            except httpx.TransportError:
                return False

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Waits for a condition while the service lives."""
        async with asyncio.timeout(PATIENCE):
            while not (met := await condition()):
                assert self.process is not None
                assert self.process.returncode is None, self.said
                await asyncio.sleep(0.05)
            return met

    async def ended(self) -> int:
        assert self.process is not None
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    def send(self, which: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(which)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Tells the service to stop, waits for it and gives its exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(how)
        return await self.ended()

    async def run(self, *arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        """Another command beside the service."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *arguments, cwd=self.folder / "cwd",
            env=self.environment(**settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode or 0, out.decode(), err.decode())
