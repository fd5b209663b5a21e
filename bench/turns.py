"""The turn engine beside the plain agent (`bench/plain_turns.py`), in the same run: `python bench/turns.py`.

    python bench/turns.py load      32 askers, a model of 500 ms: answers a second, their time, the event loop
    python bench/turns.py own       our own time a turn
    python bench/turns.py long      turn 300 of a session against turn 3
    python bench/turns.py calls     calls of the model for a question that the first search answers
    python bench/turns.py streams   2,000 idle sessions and 200 streams at once: memory, and whether any starves
    python bench/turns.py crew      the event loop while a crew runs for the first time

All of them without a name; `--quick` asks less, enough to see that it works and too little to judge by. Each way to
answer runs in a process of its own (`bench/turn_measures.py`), and so does the model (`bench/model_server.py`).
`--folder` keeps the index for another run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"

Figures = dict[str, float]
Measure = Callable[[str, str], Figures]
PARTS = ("load", "own", "long", "calls", "streams", "crew")


@dataclass(frozen=True)
class Row:
    """A line of the table: the figure `key` of a part, which must be `most`, or at `least`, so much."""

    part: str
    title: str
    key: str
    unit: str
    most: float | None = None
    least: float | None = None
    way: str = "this"

    def met(self, value: float) -> bool:
        return value >= self.least if self.least is not None else value <= (self.most or 0)

    @property
    def must(self) -> str:
        return f"{self.least:g} or more" if self.least is not None else f"at most {self.most:g} {self.unit}".strip()


ROWS = (
    Row("load", "questions a second, 500 ms model, 32 asking at once", "rate", "", least=40),
    Row("load", "of these, p50", "p50", "ms", most=900),
    Row("load", "event loop blocked, worst, under this load", "lag", "ms", most=50),
    Row("own", "own time a turn, p50, in memory", "p50", "ms", most=15, way="memory"),
    Row("own", "own time a turn, p50, durable", "p50", "ms", most=25),
    Row("long", "turn 300 of a session against turn 3", "growth", "times", most=1.2),
    Row("calls", "model calls for a question that the first search answers", "calls", "", most=1),
    Row("streams", "{sessions:,.0f} idle sessions and 200 streams at once, memory", "peak", "MB", most=700),
    Row("streams", "of these 200, without an end after 120 s", "starved", "", most=0),
)

TELLING = 100
"""From here on decimals tell nothing."""


def table(parts: list[str], measure: Measure) -> Iterator[str]:
    yield "| | plain | this | this / plain | must |"
    yield "|---|---|---|---|---|"
    for row in (row for row in ROWS if row.part in parts):
        figures = measure(row.part, row.way)
        plain, this = measure(row.part, "plain")[row.key], figures[row.key]
        ratio = f"{this / plain:.2f}" if plain else "-"
        must = f"{row.must}: {'met' if row.met(this) else 'missed'}"
        yield f"| {row.title.format(**figures)} | {shown(plain, row)} | {shown(this, row)} | {ratio} | {must} |"


def shown(value: float, row: Row) -> str:
    return f"{value:,.{1 if value < TELLING and value % 1 else 0}f} {row.unit}".strip()


def remarks(parts: list[str], measure: Measure) -> Iterator[str]:
    """What the table has no place for."""
    if "load" in parts:
        other = measure("load", "plain-async")
        yield f"The plain agent with asynchronous nodes: {other['rate']:.1f}/s, p50 {other['p50']:.0f} ms."
        yield f"Of ours under load, p95 {measure('load', 'this')['p95']:.0f} ms."
    if "own" in parts:
        for way in ("plain", "memory", "this"):
            figures = measure("own", way)
            stages = ", ".join(f"{name} {value:.1f}" for name, value in figures.items() if name != "p50")
            yield f"One asker, {way}: p50 {figures['p50']:.1f} ms, {stages}."
    if "long" in parts:
        for way in ("plain", "plain-tools", "this"):
            figures = measure("long", way)
            yield f"A long session, {way}: turn 3 {figures['third']:.1f} ms, turn 300 {figures['last']:.1f} ms."
    if "streams" in parts:
        for way in ("plain", "this"):
            figures = measure("streams", way)
            yield (
                f"Streams, {way}: {figures['idle']:.0f} MB before them; {figures['shown']:.0f} showed text before "
                f"their end, p50 {figures['first p50']:.0f} ms, the latest {figures['first']:.0f} ms; the last end "
                f"after {figures['slowest']:.0f} ms, of the {figures['ended']:.0f} that ended."
            )
    if "crew" in parts:
        figures = measure("crew", "this")
        lags = f"{figures['first']:.0f} ms; in the second {figures['second']:.0f} ms"
        yield f"Event loop blocked, worst, in the first run of a crew: {lags}."


@contextmanager
def scripted_model() -> Iterator[str]:
    """Its address."""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, str(BENCH / "model_server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


def run(part: str, way: str, model: str, folder: Path, *, quick: bool) -> Figures:
    """Measures in a process of its own."""
    command = [sys.executable, str(BENCH / "turn_measures.py"), part, way, model, str(folder), *["--quick"] * quick]
    print(f"{part}: {way}", file=sys.stderr)
    done = subprocess.run(  # noqa: S603
        command, stdout=subprocess.PIPE, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=folder
    )
    lines = done.stdout.decode().strip().splitlines()
    return json.loads(lines[-1]) if part != "build" else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], help="all of them by default")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    parts = options.part or list(PARTS)
    with tempfile.TemporaryDirectory() as temporary, scripted_model() as model:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        run("build", "this", model, folder, quick=options.quick)
        measure = cache(lambda part, way: run(part, way, model, folder, quick=options.quick))
        for line in table(parts, measure):
            print(line, flush=True)
        print()
        for remark in remarks(parts, measure):
            print(remark, flush=True)


if __name__ == "__main__":
    main()
