"""How long the overview takes at a million messages, and how long it takes to count them, on SQLite or Postgres.

    python -m bench.overview DATABASE_URL [MESSAGES]

DATABASE_URL names a database (`sqlite:////tmp/bench.db`), which is filled if it is empty and left as it is; it is seen
as of its last message. Beside the time that passed, the least time of this process on a processor is printed: other
programs disturb it less.
"""

import asyncio
import gc
import random
import sys
import time
from datetime import timedelta

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from core.domain.conversation import Mode, Status
from core.domain.tally import Period, Place
from core.operations.tally import KEPT, TallyService
from core.settings import load_settings
from core.storage.engine import Database
from core.storage.ids import new_id, now
from core.storage.migrate import migrate
from core.storage.models import MessageRow, SessionRow
from core.storage.tally import Tallies

TURNS, CHANNELS, PEOPLE, DAYS = 5, 60, 20_000, 60
BATCH, LOOKS = 2_000, 40
UNCOVERED = 0.1


def fill(db: Session, sessions: int, chance: random.Random) -> None:
    """Conversations of five turns each, all over two months."""
    conversations, messages = [], []
    for _ in range(sessions):
        at = now() - timedelta(days=chance.uniform(0, DAYS))
        session = new_id()
        place = {"platform": "slack", "workspace": "T1", "channel": f"C{chance.randrange(CHANNELS)}", "thread": session}
        conversations.append({"id": session, **place, "title": "How?", "created_at": at, "updated_at": at})
        author, mode = f"U{chance.randrange(PEOPLE)}", chance.choice([*Mode])
        for turn in range(1, TURNS + 1):
            question, row = new_id(), {"session_id": session, "turn": turn, "text": "How? " * 40, "mode": mode}
            row |= {"status": Status.DELIVERED, "created_at": at + timedelta(minutes=turn)}
            row |= {"covered": chance.random() > UNCOVERED, "tokens": 3_000, "cost": 600}
            row |= {"milliseconds": chance.randrange(500, 30_000), "first_text": chance.randrange(100, 9_000)}
            asked = {"id": question, "role": "user", "author": author, "event_id": question, "reply_to": None}
            told = {"id": new_id(), "role": "assistant", "author": "", "event_id": None, "reply_to": question}
            messages += [{**row, **asked}, {**row, **told}]
    db.execute(insert(SessionRow), conversations)
    db.execute(insert(MessageRow), messages)


async def measure(url: str, messages: int) -> None:
    """Fills, counts, looks."""
    database, chance = Database(url), random.Random(6)  # noqa: S311 - a bench, not a secret
    started = time.perf_counter()
    if await Tallies(database).earliest() is None:
        for _ in range(messages // (2 * TURNS * BATCH)):
            await database.transact(lambda db: fill(db, BATCH, chance))
        print(f"filled in {time.perf_counter() - started:.0f} s")
    async with database.read() as db:
        latest = await db.scalar(select(func.max(MessageRow.created_at))) or now()
    tally, started = TallyService(Tallies(database), lambda: latest), time.perf_counter()
    await tally.recount(latest - KEPT)
    print(f"counted in {time.perf_counter() - started:.1f} s")
    started = time.perf_counter()
    await tally.catch_up()
    print(f"brought up to date in {(time.perf_counter() - started) * 1000:.0f} ms")
    gc.collect()
    gc.freeze()  # as the service does once it has started
    for period in Period:
        for place in (Place(), Place("slack"), Place("slack", "T1", "C7")):
            times, busy = list[float](), list[float]()
            for _ in range(LOOKS):
                fresh = TallyService(Tallies(database), lambda: latest)  # a first look, which counts the running hour
                started, worked = time.perf_counter(), time.process_time()
                await fresh.overview(period, place)
                times.append((time.perf_counter() - started) * 1000)
                busy.append((time.process_time() - worked) * 1000)
                await fresh.close()
            times.sort()
            where = place.channel or place.platform or "everywhere"
            p50, p95 = times[LOOKS // 2], times[int(LOOKS * 0.95)]
            print(f"{period} {where}: median {p50:.0f} ms, p95 {p95:.0f} ms, on a processor {min(busy):.0f} ms")
    await tally.close()
    await database.close()


if __name__ == "__main__":
    named, *size = sys.argv[1:]
    address = load_settings(database_url=named).sqlalchemy_url
    migrate(address)
    asyncio.run(measure(address, int(size[0]) if size else 1_000_000))
