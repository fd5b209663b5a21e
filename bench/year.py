"""A year of conversations, skewed as real ones are: few channels, people and words make up most of it.

Comes in: an empty database, migrated. Goes out: a million messages, of 200,000 sessions. For benches of the console.
"""

import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from core.storage.ids import new_id

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
