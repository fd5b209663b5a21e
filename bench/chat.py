"""How soon people see something in Slack and Discord: `python bench/chat.py --slack URL --discord URL`.

Each address is that of an emulator of the platform (its Web API below `/api`, its control below `/_control`). Starts
`serve` on a fresh folder with the scripted language model, then asks one question after the other, and 20 at once in
one channel and in twenty. Prints the time from a question to its first visible sign, from the model's first word to the
first text, and what the emulator would have frowned on.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.footprint import free_port, until  # noqa: E402

QUESTIONS = (
    "How do I create a DVC pipeline?",
    "How do I log a metric with MLflow?",
    "How do I serve a model with KServe?",
    "How do I add an S3 remote in DVC?",
    "How do I schedule a pipeline in Airflow?",
)
AT_ONCE = 20
SECONDS = 180

TYPING_SECONDS = 9.0
"""How long people see that somebody types."""

Http = httpx.AsyncClient
Shown = tuple[float, float]
"""Seconds since the epoch: when an answer gave its first sign, and when it showed its first words."""


class Slack:
    name, asked_in = "Slack", [f"C1BENCH{n}" for n in range(AT_ONCE)]

    def __init__(self, http: Http) -> None:
        self.http = http

    async def prepare(self) -> None:
        for channel in self.asked_in:
            await self.control("channel", id=channel, name=channel.lower())

    async def control(self, verb: str, **body: Any) -> Any:
        return (await self.http.post(f"/_control/{verb}", json=body)).json()

    async def ask(self, channel: str, text: str) -> tuple[float, str]:
        asked = await self.control("mention", channel=channel, text=text)
        return float(asked["ts"]), asked["ts"]

    async def shown(self, channel: str, asked_at: float, thread: str) -> Shown:  # noqa: ARG002 - of Discord
        query = {"thread_ts": thread, "contains": "Sources", "final": 1, "timeout": SECONDS}
        [answer] = (await self.http.get("/_control/wait", params=query)).json()
        first, *later = answer["history"]
        words = next((op["t"] for op in later if op.get("added") or (op["op"] == "update" and _says(op["text"]))), 0.0)
        return first["t"], words

    async def violations(self) -> Any:
        return (await self.http.get("/_control/violations")).json()


class Discord(Slack):
    name, asked_in = "Discord", ["6001", "6002"]

    async def prepare(self) -> None:
        await self.control("reset")

    async def ask(self, channel: str, text: str) -> tuple[float, str]:
        asked = await self.control("mention", channel=channel, content=text)
        return ((int(asked["id"]) >> 22) + 1_420_070_400_000) / 1000, asked["id"]

    async def shown(self, channel: str, asked_at: float, thread: str) -> Shown:
        query = {"channel": thread, "contains": "Sources", "timeout": SECONDS}
        await self.http.get("/_control/wait", params=query)
        calls = (await self.http.get("/_control/calls", params={"match": f"/channels/{thread}/messages"})).json()
        sent = [call for call in calls if call["call"].split()[0] in {"POST", "PATCH"}]
        typed = (await self.http.get("/_control/calls", params={"match": f"/channels/{channel}/typing"})).json()
        sign = min(call["t"] for call in [sent[0], *typed] if call["t"] + TYPING_SECONDS >= asked_at)
        return max(sign, asked_at), next((call["t"] for call in sent if _says(json.dumps(call.get("body")))), 0.0)


def _says(text: str) -> bool:
    """Whether words of an answer are shown, not merely what is being done."""
    return "…" not in text and "\\u2026" not in text


@asynccontextmanager
async def a_model() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "bench" / "model_server.py"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def a_service(environment: dict[str, str]) -> AsyncIterator[None]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"VAR_DIR": folder, "PORT": str(port), "SOURCES_FILE": f"{folder}/none", "LOG_LEVEL": "WARNING"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "serve", env={**os.environ, **settings, **environment}, cwd=ROOT
        )
        try:
            await until(f"http://127.0.0.1:{port}/health")
            yield
        finally:
            process.terminate()
            await process.wait()


async def one_by_one(platform: Slack, first_words: Callable[[], Awaitable[list[float]]]) -> None:
    signs, texts = [], []
    for n, text in enumerate(QUESTIONS * 2):
        at, thread = await platform.ask(platform.asked_in[n % len(platform.asked_in)], text)
        sign, words = await platform.shown(platform.asked_in[n % len(platform.asked_in)], at, thread)
        signs.append(sign - at)
        texts.append(words - (await first_words())[-1])
    report(platform, "one after the other", signs, texts)


async def all_at_once(platform: Slack, channels: list[str]) -> None:
    where = [channels[n % len(channels)] for n in range(AT_ONCE)]
    asked = [await platform.ask(channel, QUESTIONS[n % 5]) for n, channel in enumerate(where)]
    shown = await asyncio.gather(*(platform.shown(channel, *a) for channel, a in zip(where, asked, strict=True)))
    signs = [sign - at for (at, _), (sign, _) in zip(asked, shown, strict=True)]
    texts = [words - at for (at, _), (_, words) in zip(asked, shown, strict=True)]
    report(platform, f"{AT_ONCE} at once in {len(channels)} channel(s), text since the question", signs, texts)


def report(platform: Slack, what: str, signs: list[float], texts: list[float]) -> None:
    def shown(times: list[float]) -> str:
        return f"p50 {statistics.median(times):.3f} s, worst {max(times):.3f} s"

    print(f"{platform.name}, {what}: first sign {shown(signs)}; first text {shown(texts)}", flush=True)


async def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--slack", help="address of an emulator of Slack")
    arguments.add_argument("--discord", help="address of an emulator of Discord")
    given = arguments.parse_args()
    environment: dict[str, str] = {}
    if given.slack:
        environment |= {"SLACK_API_URL": f"{given.slack}/api", "SLACK_BOT_TOKEN": "xoxb-test"}
        environment |= {"SLACK_APP_TOKEN": "xapp-test"}
    if given.discord:
        environment |= {"DISCORD_API_URL": f"{given.discord}/api/v10", "DISCORD_BOT_TOKEN": "test-token"}
    async with a_model() as model, Http(timeout=SECONDS) as to_model:
        await to_model.post(f"{model}/pace", json={"wait": 500, "pause": 30})

        async def first_words() -> list[float]:
            return (await to_model.get(f"{model}/firsts")).json()

        async with a_service(environment | {"LLM_BASE_URL": f"{model}/v1", "LLM_MODEL": "scripted"}):
            for kind, address in ((Slack, given.slack), (Discord, given.discord)):
                if not address:
                    continue
                async with Http(base_url=address, timeout=SECONDS) as http:
                    platform = kind(http)
                    await platform.prepare()
                    await asyncio.sleep(3)  # connected, and the engines loaded
                    await one_by_one(platform, first_words)
                    await asyncio.sleep(61)  # a minute of Slack's rates is over
                    await all_at_once(platform, platform.asked_in[:1])
                    await asyncio.sleep(61)
                    await all_at_once(platform, platform.asked_in)
                    print(f"{platform.name}, frowned on: {await platform.violations()}")


if __name__ == "__main__":
    asyncio.run(main())
