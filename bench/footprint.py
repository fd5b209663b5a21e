"""Memory and start of the whole service beside the plain way, in one run: `python bench/footprint.py`.

Starts `serve` twice on a fresh folder with HTTP, console and scheduler on, Slack over the tests' double, and Discord
when an emulator's address is given (`--discord http://127.0.0.1:8901/api/v10 --discord-token test-token`); then
`bench/plain.py` twice. The second start of each counts: the first one builds the index.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.emulators.language_model import ScriptedModel, Text  # noqa: E402
from tests.emulators.slack import SlackDouble  # noqa: E402

QUESTION = json.dumps({"message": "How do I create a DVC pipeline?"}).encode()
IDLE_SECONDS = 8


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url: str, body: bytes | None = None) -> bytes | None:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
            return reply.read()
    except (urllib.error.URLError, ConnectionError):
        return None


async def until(url: str) -> None:
    while await asyncio.to_thread(fetch, url) is None:
        await asyncio.sleep(0.02)


def megabytes(pid: int) -> float:
    process = psutil.Process(pid)
    return sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]) / 1e6


async def serve_once(environment: dict[str, str], port: int) -> dict[str, float]:
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "serve", env=environment, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await until(f"http://127.0.0.1:{port}/health")
        health = time.monotonic() - started
        await asyncio.to_thread(fetch, f"http://127.0.0.1:{port}/chat", QUESTION)
        answer = time.monotonic() - started
        await asyncio.sleep(IDLE_SECONDS)
        return {"health s": health, "first answer s": answer, "idle MB": megabytes(process.pid)}
    finally:
        process.terminate()
        await process.wait()


async def plain_once(folder: str) -> dict[str, float]:
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "bench" / "plain.py"),
        folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout
        while b"READY" not in await process.stdout.readline():
            pass
        answer = time.monotonic() - started
        await asyncio.sleep(IDLE_SECONDS)
        return {"health s": answer, "first answer s": answer, "idle MB": megabytes(process.pid)}
    finally:
        process.terminate()
        await process.wait()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--discord", help="base address of a Discord emulator's REST API")
    parser.add_argument("--discord-token", default="test-token")
    options = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        async with SlackDouble() as slack, ScriptedModel() as model:
            slack.scopes = []
            model.respond_with(lambda _: Text("Define stages and run `dvc repro` [1]."))
            environment = {
                **os.environ,
                "VAR_DIR": folder,
                "PORT": str(port),
                "LLM_BASE_URL": model.base_url,
                "SLACK_BOT_TOKEN": slack.bot_token,
                "SLACK_APP_TOKEN": slack.app_token,
                "SLACK_API_URL": slack.api_url,
            }
            if options.discord:
                environment |= {"DISCORD_API_URL": options.discord, "DISCORD_BOT_TOKEN": options.discord_token}
            await serve_once(environment, port)
            ours = await serve_once(environment, port)
            environment.pop("LLM_BASE_URL")
            quoting = await serve_once(environment, port)
    with tempfile.TemporaryDirectory() as folder:
        await plain_once(folder)
        plain = await plain_once(folder)
    print("| second start | this | without a model | plain | this / plain |\n|---|---|---|---|---|")
    for name in ours:
        ratio = ours[name] / plain[name]
        print(f"| {name} | {ours[name]:.1f} | {quoting[name]:.1f} | {plain[name]:.1f} | {ratio:.2f} |")


if __name__ == "__main__":
    asyncio.run(main())
