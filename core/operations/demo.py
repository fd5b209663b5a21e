"""A demo: a month of made-up conversations in a workspace of its own, to look at the console with, and its end.

Comes in: the wish to have it or to be rid of it. Goes out: what was stored or removed. Called by the command `demo`; it
works while a service runs on the same database.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.domain.demo import DEMO
from core.domain.tally import DAY
from core.knowledge.evaluation.golden import read_questions
from core.operations.demo_month import DAYS, MonthWriter
from core.operations.demo_script import read_script
from core.operations.tally import KEPT, TallyService
from core.settings import ROOT, Settings
from core.storage.audit import Audit
from core.storage.demo import DemoMonth
from core.storage.engine import Database
from core.storage.gaps import Gaps
from core.storage.ids import now
from core.storage.library import Library
from core.storage.tally import Tallies

SCRIPT = ROOT / "data" / "demo.toml"
QUESTIONS = ROOT / "data" / "golden.jsonl"


@dataclass(frozen=True)
class Seeded:
    """What a demo month holds."""

    sessions: int
    messages: int
    people: int


class Demo:
    """Seeds the demo month and removes it."""

    def __init__(self, database: Database, address: str, *, script: Path = SCRIPT, questions: Path = QUESTIONS) -> None:
        self._month = DemoMonth(database)
        self._library = Library(database)
        self._gaps = Gaps(database)
        self._tally = TallyService(Tallies(database))
        self._audit = Audit(database)
        self._address = address
        self._script = script
        self._questions = questions

    async def seed(self, seed: int, end: datetime | None = None) -> Seeded:
        """Stores a month that ends now, in the place of an earlier one, and counts it.

        Raises InputError when the knowledge base has too little to answer from; nothing is changed then.
        """
        end = end or now()
        script = read_script(self._script, read_questions(self._questions), await self._library.documents())
        sessions = MonthWriter(script, seed, end, self._address).sessions()
        messages = await self._month.put(sessions)
        await self._gaps.sweep()  # of an earlier month
        await self._tally.recount(end - (DAYS + 1) * DAY)
        seeded = Seeded(len(sessions), messages, len({turn.author for session in sessions for turn in session.turns}))
        await self._audit.note("demo.seed", DEMO, after=vars(seeded))
        return seeded

    async def remove(self) -> int:
        """Takes everything of the demo away and nothing else; gives the number of messages that went."""
        messages = await self._month.remove()
        await self._gaps.sweep()
        await self._tally.recount(now() - KEPT)
        await self._audit.note("demo.remove", DEMO, before={"messages": messages})
        return messages


async def seed_demo(settings: Settings, seed: int) -> Seeded:
    """Seeds the demo month into the database that the settings name."""
    database = Database(settings.sqlalchemy_url)
    try:
        return await Demo(database, settings.address).seed(seed)
    finally:
        await database.close()


async def remove_demo(settings: Settings) -> int:
    """Removes the demo month from the database that the settings name."""
    database = Database(settings.sqlalchemy_url)
    try:
        return await Demo(database, settings.address).remove()
    finally:
        await database.close()
