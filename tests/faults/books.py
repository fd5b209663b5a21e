"""What the database says about turns, read beside the service; and a lock that keeps the service from writing.

Comes in: the address of a database. Goes out: rows of questions, what is torn, what was lost or doubled.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select, text
from sqlalchemy.orm import Session, aliased

from core.settings import load_settings
from core.storage.engine import create_direct_engine
from core.storage.models import ExecutorRow, MessageRow, TraceRow
from tests.serving import PATIENCE

ENDED_WELL, ENDED_BADLY = {"answered", "delivered"}, {"failed", "stopped"}


@dataclass(frozen=True)
class Entry:
    """A question with the number of its answers."""

    event_id: str
    turn: int
    text: str
    status: str
    note: str
    answers: int

    @property
    def ended(self) -> bool:
        return self.answers == 1 if self.status in ENDED_WELL else self.status in ENDED_BADLY and bool(self.note)


class Books:
    """The books of one database; each look is a connection of its own, so a server that went away does not matter."""

    def __init__(self, url: str) -> None:
        self.sqlite = url.startswith("sqlite")
        self.file = Path(url.partition(":///")[2]) if self.sqlite else None
        self._engine = create_direct_engine(load_settings(database_url=url).sqlalchemy_url)
        self._lock: Connection | None = None

    def questions(self) -> list[Entry]:
        """In the order of asking, session by session."""
        answer = aliased(MessageRow)
        answers = select(func.count()).where(answer.reply_to == MessageRow.id).scalar_subquery()
        columns = [getattr(MessageRow, name) for name in ("event_id", "turn", "text", "status", "note")]
        query = select(*columns, answers).where(MessageRow.role == "user")
        with Session(self._engine) as db:
            return [Entry(*row) for row in db.execute(query.order_by(MessageRow.session_id, MessageRow.turn))]

    def executors(self) -> set[str]:
        """The processes that are known."""
        with Session(self._engine) as db:
            return set(db.scalars(select(ExecutorRow.id)))

    def torn(self) -> list[str]:
        """What does not fit together, in words."""
        answer = aliased(MessageRow)
        traced = select(TraceRow.message_id)
        with Session(self._engine) as db:
            traceless = db.scalars(select(answer.id).where(answer.role == "assistant", answer.id.not_in(traced)))
            found = [f"answer {row} has no trace" for row in traceless]
            if self.sqlite:
                found += [str(row) for row in db.execute(text("PRAGMA foreign_key_check"))]
                found += [row for row in db.scalars(text("PRAGMA integrity_check")) if row != "ok"]
        expected = {**dict.fromkeys(ENDED_WELL, 1), **dict.fromkeys([*ENDED_BADLY, "pending"], 0)}
        return found + [f"{entry}" for entry in self.questions() if entry.answers != expected[entry.status]]

    def lock(self, table: str = "messages") -> None:
        """Nobody else writes to a table until `unlock`, nor to any other of a SQLite; reading goes on."""
        assert self._lock is None
        self._lock = self._engine.connect()
        self._lock.exec_driver_sql("BEGIN IMMEDIATE" if self.sqlite else f"LOCK TABLE {table} IN EXCLUSIVE MODE")

    def unlock(self) -> None:
        """Lets others write again."""
        if self._lock:
            self._lock.rollback()
            self._lock.close()
            self._lock = None

    async def until(self, condition: Callable[[list[Entry]], object]) -> list[Entry]:
        """The questions, once they are so."""
        found: list[Entry] = []
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition(found := self.questions()):  # noqa: ASYNC110 - another process writes it
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError("\n".join(map(str, found))) from None
        return found

    def close(self) -> None:
        self.unlock()
        self._engine.dispose()


def all_ended(entries: list[Entry]) -> bool:
    """Whether each question has its answer or its failure."""
    return bool(entries) and all(entry.ended for entry in entries)


def all_delivered(entries: list[Entry]) -> bool:
    """Whether each answer stands where it was asked for."""
    return bool(entries) and all(entry.status == "delivered" for entry in entries)
