"""Ctrl-C in the terminal: the answer is stopped with its model's call, here or in the service that runs."""

import asyncio
import os
import shutil
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from tests.emulators.language_model import Hang, ScriptedModel

ROOT, PAGES = Path(__file__).parents[2], Path(__file__).parents[1] / "pages"
PUSH = "How do I push a model to Quillstore?"
BEGINNING = "To store a model in Quillstore, call"

Process: TypeAlias = asyncio.subprocess.Process
Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture
def var_dir(tmp_path: Path, built_var: Path) -> Path:
    return shutil.copytree(built_var, tmp_path / "var", symlinks=True)


@pytest.fixture
async def start(var_dir: Path, model: ScriptedModel) -> AsyncIterator[Start]:
    """Starts `mlops-assistant` with arguments; what still runs at the end is told to stop."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"VAR_DIR": var_dir, "KNOWLEDGE_DIR": PAGES, "SOURCES_FILE": "/none.toml", "REFRESH_CRON": "off"}
    endpoint = {"LLM_BASE_URL": model.base_url, "LLM_MODEL": model.name}
    names = settings | endpoint | {"PORT": port, "PYTHONPATH": ROOT}
    environment = os.environ | {name: str(value) for name, value in names.items()}
    started: list[Process] = []

    async def command(*arguments: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *arguments, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        return process

    yield command
    for process in started:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def serving(start: Start) -> None:
    """Starts a service and waits until it is ready, which it says with its addresses."""
    process = await start("serve")
    assert process.stdout
    async for line in process.stdout:
        if b"API:" in line:
            address = line.decode().split()[-1]
            break
    async with httpx.AsyncClient(trust_env=False) as client:
        while not await answers(client, address):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # it says where it will be a moment before it is there


async def answers(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(address)).is_success
    except httpx.ConnectError:
        return False


def statuses(var_dir: Path) -> list[str]:
    with sqlite3.connect(var_dir / "assistant.db") as database:
        return [status for (status,) in database.execute("SELECT status FROM messages WHERE role = 'user'")]


@pytest.mark.parametrize("served", [False, True], ids=["alone", "beside a service"])
async def test_answer_that_is_interrupted_is_stopped_with_its_model(
    start: Start, model: ScriptedModel, var_dir: Path, served: bool
) -> None:
    if served:
        await serving(start)
    model.script(Hang(BEGINNING))
    asking = await start("ask", PUSH)
    await model.wait_for(lambda m: m.requests, timeout=60)

    asking.send_signal(signal.SIGINT)
    await model.wait_for(lambda m: m.abandoned == 1)
    _, complaint = await asking.communicate()

    assert (asking.returncode, complaint) == (130, b"")
    while statuses(var_dir) != ["stopped"]:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # until the service has written it down
