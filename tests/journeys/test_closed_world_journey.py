"""Nothing goes out and nothing is left behind: every connection and every written file of a whole day is watched."""

import asyncio
import ipaddress
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

PUSH = "How do I push a model to Quillstore?"

WATCHER = """
import json, os, sys

LOG = os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
NETWORK = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
CHANGES = {"os.mkdir", "os.rename", "os.remove", "shutil.move", "os.symlink", "os.link"}


def tell(event, *what):
    os.write(LOG, (json.dumps([event, *map(str, what)]) + "\\n").encode())


def watch(event, arguments):
    if event in NETWORK:
        tell(event, *arguments[-1 if "getaddrinfo" not in event else 0:][:1] if "get" not in event else arguments[:1])
    elif event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        path, mode, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            tell("write", os.path.abspath(os.fsdecode(path)))
    elif event in CHANGES:
        inside = arguments[1] if event == "os.remove" else -1  # the folder that a relative path is meant from
        folder = os.readlink(f"/proc/self/fd/{inside}") if inside >= 0 else ""
        tell("write", os.path.abspath(os.path.join(folder, os.fsdecode(arguments[0]))))


sys.addaudithook(watch)
"""

HARMLESS = ("/dev/", "/proc/")


def is_local(target: str) -> bool:
    """Whether an address as Python's audit events tell it, such as "('127.0.0.1', 80)", stays on this machine."""
    if target.startswith(("/", "b'/", "\\0")) or target in {"None", "localhost", "b'localhost'", "0.0.0.0", ""}:  # noqa: S104
        return True
    host = target.strip("()b'\" ").split(",")[0].strip("'\" ")
    try:
        return (
            host == "localhost" or ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified
        )
    except ValueError:
        return False


async def remote_addresses(pid: int, seen: set[str], ended: asyncio.Event) -> None:
    """Polls the connections of a process and its children; sees native code too, which audit hooks do not."""
    while not ended.is_set():
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            try:
                seen |= {c.raddr.ip for c in process.net_connections("inet") if c.raddr}
            except psutil.NoSuchProcess:
                continue
        await asyncio.sleep(0.02)


async def test_no_connection_leaves_the_machine_and_no_file_the_var_dir(
    make_assistant: Callable[..., Any], tmp_path: Path
) -> None:
    watcher, log = tmp_path / "watcher", tmp_path / "watched.jsonl"
    watcher.mkdir()
    (watcher / "sitecustomize.py").write_text(WATCHER)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assistant = make_assistant(
        pythonpath=watcher, watch_log=log, tmpdir=scratch, pythondontwritebytecode="1",
        mplconfigdir=scratch,
    )  # fmt: skip
    seen: set[str] = set()
    ended = asyncio.Event()

    await assistant.serve()
    polling = asyncio.create_task(remote_addresses(assistant.process.pid, seen, ended))
    await assistant.until(assistant.healthy)
    async with httpx.AsyncClient(base_url=assistant.url, timeout=60) as client:
        chat = await client.post("/chat", json={"message": PUSH})
        crew = await client.post("/crew-chat", json={"message": PUSH})
        refreshed = await client.post("/index-docs", json={"rebuild": True})
        page = await client.get("/admin/login")
        again = await client.post("/chat", json={"message": PUSH})
    ended.set()
    await polling
    assert await assistant.stop() == 0, assistant.said

    assert [reply.status_code for reply in (chat, crew, refreshed, page, again)] == [200] * 5
    assert refreshed.json()["status"] == "promoted"
    watched = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(event[0] == "write" for event in watched), "the watcher watches"
    out = [event for event in watched if event[0].startswith("socket.") and not is_local(event[1])]
    assert out == []
    assert {address for address in seen if not ipaddress.ip_address(address).is_loopback} == set()
    allowed = (str(assistant.var_dir), str(scratch), *HARMLESS)
    written = {event[1] for event in watched if event[0] == "write"}
    assert {path for path in written if not path.startswith(allowed)} == set()
    assert list((assistant.folder / "home").iterdir()) == []
    assert list((assistant.folder / "cwd").iterdir()) == []
    assert list(scratch.rglob("*")) == [], "what was put into the temporary folder was taken away again"
