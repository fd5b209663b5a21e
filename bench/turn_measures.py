"""What `bench/turns.py` measures, of one way to answer, in a process of its own.

    python bench/turn_measures.py PART WAY MODEL FOLDER [--quick]

PART is a function below, WAY one of `WAYS`, MODEL the address of `bench/model_server.py`, FOLDER what `build` made.
Prints figures by name as JSON: times in milliseconds, memory in MB.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
import urllib.request
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.knowledge.evaluation.golden import read_questions  # noqa: E402

ASKERS = 32
STREAMS = 200
LATE_TURN = 300
AROUND = 2
"""Turns before and after the third and the late one that are looked at as well."""

PATIENCE = 120.0
"""Seconds beyond which an asker of the `streams` counts as starved; the answer of the model takes 13."""

Figures = dict[str, float]


@dataclass(frozen=True)
class Heard:
    """Seconds that an answer took, and until its `first` text if any came before; milliseconds by stage, if told.

    `covered` is None where nobody checks it.
    """

    seconds: float
    first: float | None
    timings: dict[str, int] = field(default_factory=dict[str, int])
    covered: bool | None = None


class Ask(Protocol):
    def __call__(self, session: str, text: str, *, crew: bool = False) -> Awaitable[Heard]: ...


@dataclass
class Bench:
    """One way to answer, and the model behind it."""

    ask: Ask
    model: str
    quick: bool
    questions: Iterator[str]

    def pace(self, wait: int = 0, pause: int = 0) -> None:
        body = json.dumps({"wait": wait, "pause": pause}).encode()
        request = urllib.request.Request(f"{self.model}/pace", body, {"Content-Type": "application/json"})  # noqa: S310
        urllib.request.urlopen(request).close()  # noqa: S310 - loopback

    def calls(self) -> int:
        with urllib.request.urlopen(f"{self.model}/calls") as reply:  # noqa: S310
            return int(reply.read())

    async def new(self) -> Heard:
        """A new question in a new session."""
        text = next(self.questions)
        return await self.ask(text, text)

    async def many(self, count: int, at_once: int) -> list[Heard]:
        """As many, each in a session of its own."""
        left = iter(range(count))

        async def asker() -> list[Heard]:
            return [await self.new() for _ in left]

        return [heard for some in await asyncio.gather(*(asker() for _ in range(at_once))) for heard in some]


def different_questions() -> Iterator[str]:
    """Questions that the pages answer, no two the same."""
    asked = read_questions(ROOT / "data" / "golden.jsonl")
    golden = [question.question for question in asked if question.gold]
    number = 0
    while True:
        for question in golden:
            number += 1
            yield f"{question} This is about project number {number}."


class Lag:
    """How late, at worst, a task came that wanted to run every five milliseconds."""

    def __init__(self) -> None:
        self.worst = 0.0

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[None]:
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()

    async def _watch(self) -> None:
        while True:
            due = time.perf_counter() + 0.005
            await asyncio.sleep(0.005)
            self.worst = max(self.worst, (time.perf_counter() - due) * 1000)


async def load(bench: Bench) -> Figures:
    """32 askers who ask again as soon as they are answered, of a model that takes 500 ms a call."""
    await bench.many(16, at_once=4)
    bench.pace(wait=500)
    await bench.many(ASKERS, at_once=ASKERS)
    lag, heard = Lag(), list[Heard]()
    started = time.perf_counter()
    until = started + (6 if bench.quick else 20)

    async def asker() -> None:
        while time.perf_counter() < until:
            heard.append(await bench.new())

    async with lag.watched():
        await asyncio.gather(*(asker() for _ in range(ASKERS)))
    rate = len(heard) / (time.perf_counter() - started)
    times = [each.seconds * 1000 for each in heard]
    return {"rate": rate, "p50": statistics.median(times), "p95": p95(times), "lag": lag.worst}


async def own(bench: Bench) -> Figures:
    """One asker, and a model that takes no time: what is left is our own."""
    await bench.many(30, at_once=1)
    processor = time.process_time()
    heard = await bench.many(60 if bench.quick else 250, at_once=1)
    processor = (time.process_time() - processor) * 1000 / len(heard)
    times = [each.seconds * 1000 for each in heard]
    stages = {stage: statistics.mean(h.timings[stage] for h in heard) for stage in heard[0].timings}
    covered = [each.covered for each in heard if each.covered is not None]
    figures = {"p50": statistics.median(times), "p95": p95(times), "of the processor": processor}
    return figures | stages | ({"covered share": statistics.mean(covered)} if covered else {})


async def long(bench: Bench) -> Figures:
    """Turns 298 to 302 of sessions against turns 2 to 6 of new ones, in turn and asking alike: load comes and goes."""
    await bench.many(30, at_once=1)
    early, late = list[float](), list[float]()
    for session in range(1 if bench.quick else 3):
        for _ in range(LATE_TURN - AROUND - 2):
            await bench.ask(f"old-{session}", next(bench.questions))
        for turn in range(2 * AROUND + 2):
            text = next(bench.questions)
            new = await bench.ask(f"new-{session}", f"{text} (a)")
            old = await bench.ask(f"old-{session}", f"{text} (b)")
            if turn:  # the first turn of a session has nothing to remember
                early.append(new.seconds * 1000)
                late.append(old.seconds * 1000)
    third, last = statistics.median(early), statistics.median(late)
    return {"third": third, "last": last, "growth": last / third}


async def calls(bench: Bench) -> Figures:
    """Calls of the model a question, whose answer the first search finds."""
    before, count = bench.calls(), 40
    await bench.many(count, at_once=4)
    return {"calls": (bench.calls() - before) / count}


async def streams(bench: Bench) -> Figures:
    """2,000 sessions that asked before, and 200 askers at once of a model that says a word each 200 ms."""
    sessions = 200 if bench.quick else 2_000
    await bench.many(sessions, at_once=8)
    idle = megabytes()
    bench.pace(pause=200)
    asked = [asyncio.ensure_future(bench.new()) for _ in range(STREAMS)]
    peak = idle
    until = time.perf_counter() + PATIENCE
    while time.perf_counter() < until and not all(task.done() for task in asked):
        await asyncio.sleep(0.2)
        peak = max(peak, megabytes())
    heard = [task.result() for task in asked if task.done()]
    first = [each.first * 1000 for each in heard if each.first is not None]
    slowest = max((each.seconds * 1000 for each in heard), default=0)
    figures = {"sessions": sessions, "idle": idle, "peak": peak, "starved": STREAMS - len(heard), "slowest": slowest}
    return {
        **figures,
        "ended": len(heard),
        "shown": len(first),
        "first": max(first, default=0),
        "first p50": statistics.median(first or [0]),
    }


async def crew(bench: Bench) -> Figures:
    """How late the event loop is, at worst, while a crew runs for the first time, and for the second."""
    await bench.many(10, at_once=1)
    first, second = Lag(), Lag()
    async with first.watched():
        await bench.ask("crew-1", next(bench.questions), crew=True)
    async with second.watched():
        await bench.ask("crew-2", next(bench.questions), crew=True)
    return {"first": first.worst, "second": second.worst}


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[94]


def megabytes() -> float:
    me, held = psutil.Process(), 0
    for process in [me, *me.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            held += process.memory_info().rss
    return held / 1e6


def way(name: str, model: str, folder: Path) -> AbstractAsyncContextManager[Ask]:
    """Opens a way to answer; imports it first, for each brings its own libraries along."""
    if name.startswith("plain"):
        from bench.plain_turns import plain  # noqa: PLC0415

        return plain(model, folder, asynchronous=name == "plain-async", remembers_tools=name == "plain-tools")
    from bench.our_turns import ours  # noqa: PLC0415

    return ours(model, folder, durable=name == "this")


PARTS: dict[str, Callable[[Bench], Awaitable[Figures]]] = {
    part.__name__: part for part in (load, own, long, calls, streams, crew)
}
WAYS = ("plain", "plain-async", "plain-tools", "this", "memory")


async def measure(options: argparse.Namespace) -> Any:
    if options.part == "build":
        from bench.our_turns import build  # noqa: PLC0415

        return await build(options.folder, options.model)
    async with way(options.way, options.model, options.folder) as ask:
        bench = Bench(ask, options.model, options.quick, different_questions())
        bench.pace()
        figures = await PARTS[options.part](bench)
        print(json.dumps(figures), flush=True)
        if figures.get("starved"):
            os._exit(0)  # its threads would go on for minutes
        return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["build", *PARTS])
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("model")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
