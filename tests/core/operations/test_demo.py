"""A demo month: believable, the same for the same seed, alone in its workspace, and gone without a trace."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.domain.conversation import Answer, Mode, Question, SessionKey, Status
from core.domain.demo import DEMO, DemoSession, DemoTurn
from core.domain.knowledge import Document, Look, PageNews, Source, SourceKind
from core.domain.tally import Period, Place
from core.errors import ConfigurationError, InputError
from core.knowledge.evaluation.golden import read_questions
from core.operations.demo import QUESTIONS, SCRIPT, Demo
from core.operations.demo_month import MonthWriter
from core.operations.demo_script import Script, read_script
from core.operations.tally import TallyService
from core.settings import ROOT
from core.storage.audit import Audit
from core.storage.engine import Database
from core.storage.ids import now
from core.storage.library import Library
from core.storage.models import Base, SessionRow
from core.storage.sources import Sources
from core.storage.spending import Spending
from core.storage.tally import Tallies
from core.storage.turns import Turns

PAGES = ROOT / "data" / "knowledge"
END = datetime(2026, 11, 24, 16, 30, tzinfo=UTC)
REAL = SessionKey("slack", "T1", DEMO, "1.0")


def shipped() -> list[Document]:
    """The pages that ship, as they are stored."""
    return [page_of(file) for file in sorted(PAGES.rglob("*.md"))]


def page_of(file: Path) -> Document:
    path = file.relative_to(PAGES).as_posix()
    title, _, text = file.read_text(encoding="utf-8").partition("\n# ")[2].partition("\n")
    return Document(path, title, "", f"/admin/knowledge/{path}", "", text, sha256(path.encode()).hexdigest())


@pytest.fixture(scope="module")
def script() -> Script:
    return read_script(SCRIPT, read_questions(QUESTIONS), shipped())


@pytest.fixture(scope="module")
def month(script: Script) -> list[DemoSession]:
    return MonthWriter(script, 1, END, "http://here").sessions()


@pytest.fixture
async def stocked(database: Database) -> Database:
    """A database that knows the pages that ship."""
    await Sources(database).add(Source("knowledge", SourceKind.FOLDER, str(PAGES)))
    news = [PageNews(page.path, page.path, Look.FRESH, page) for page in shipped()]
    await Library(database).record("knowledge", news, grace=timedelta())
    return database


def turns_of(sessions: list[DemoSession]) -> list[DemoTurn]:
    return [turn for session in sessions for turn in session.turns]


def test_month_is_the_same_for_the_same_seed_and_another_for_another(script: Script, month: list[DemoSession]) -> None:
    assert MonthWriter(script, 1, END, "http://here").sessions() == month
    assert MonthWriter(script, 2, END, "http://here").sessions() != month


def test_everything_is_in_the_demo_workspace_and_says_so(month: list[DemoSession]) -> None:
    assert {session.key.workspace for session in month} == {DEMO}
    assert {session.key.platform for session in month} == {"slack", "discord", "http"}
    assert all(turn.author.startswith("demo-") for turn in turns_of(month))
    assert len({session.key for session in month}) == len(month)


def test_month_has_all_that_happens_in_a_month(month: list[DemoSession]) -> None:
    turns = turns_of(month)
    statuses = Counter(turn.status for turn in turns)
    answers = [turn.answer for turn in turns if turn.answer]
    assert 500 < len(turns) < 1_500
    assert statuses[Status.FAILED] > 5
    assert statuses[Status.STOPPED] > 2
    assert 0.05 < sum(not answer.covered for answer in answers) / len(answers) < 0.25
    assert {answer.mode for answer in answers} == {*Mode}
    assert all(answer.milliseconds >= answer.first_text > 0 and answer.trace.cost for answer in answers)
    assert {turn.verdict.verdict for turn in turns if turn.verdict} == {"helpful", "not_helpful"}
    assert len({turn.verdict.fault for turn in turns if turn.verdict}) > 3
    assert any(turn.called for turn in turns)
    assert any(len(session.turns) > 2 for session in month)
    assert END - timedelta(days=30) < min(turn.at for turn in turns)
    assert max(turn.at for turn in turns) < END


def test_missing_topics_are_asked_about_in_several_ways(script: Script, month: list[DemoSession]) -> None:
    asked = {turn.text for turn in turns_of(month) if turn.answer and not turn.answer.covered}
    for topic in script.missing:
        assert len(asked & set(topic.questions)) > 2, topic.topic
    assert all(turn.answer and turn.answer.citations for turn in turns_of(month) if turn.status is Status.DELIVERED)


def test_answers_quote_pages_and_name_where_they_stand(month: list[DemoSession]) -> None:
    [citation] = next(turn.answer for turn in turns_of(month) if turn.answer and turn.answer.covered).citations
    assert citation.address.startswith("http://here/admin/knowledge/")
    page = PAGES / citation.address.partition("/knowledge/")[2]
    assert citation.quote[:80] in page.read_text(encoding="utf-8")


async def test_demo_comes_is_counted_and_goes_without_a_trace(stocked: Database) -> None:
    before = await contents(stocked)
    demo = Demo(stocked, "http://here")

    seeded = await demo.seed(1, END)
    tally = TallyService(Tallies(stocked), lambda: END)
    overview = await tally.overview(Period.MONTH, Place(workspace=DEMO))
    await tally.close()

    assert overview.figures.questions > 500
    assert overview.figures.people == seeded.people
    assert overview.figures.cost > 0
    assert await demo.remove() == seeded.messages
    assert await contents(stocked) == before
    assert await demo.remove() == 0


async def test_sessions_of_the_demo_can_be_filtered_like_any_other(stocked: Database) -> None:
    seeded = await Demo(stocked, "http://here").seed(1, END)
    async with stocked.read() as db:
        columns = (SessionRow.uncovered, SessionRow.failed, SessionRow.unhelpful, SessionRow.escalated, SessionRow.cost)
        counted = (await db.execute(select(*map(func.sum, columns)))).one()
        asked = await db.scalar(select(func.sum(SessionRow.agents + SessionRow.crews)))
    assert all(counted)
    assert asked < seeded.messages


async def test_seeding_twice_does_not_double_it(stocked: Database) -> None:
    demo = Demo(stocked, "http://here")
    first = await demo.seed(1, END)
    after_once = await contents(stocked)
    assert await demo.seed(1, END) == first
    assert await contents(stocked) == after_once


async def test_what_was_really_asked_stays(stocked: Database) -> None:
    turns, spending, demo = Turns(stocked), Spending(stocked), Demo(stocked, "http://here")
    await turns.claim(Question(REAL, "How?", "slack:1", DEMO))
    await turns.complete("slack:1", Answer("So."))
    accounts = [("user", f"slack:T1:{DEMO}"), ("channel", f"slack:T1:{DEMO}"), ("workspace", "slack:T1")]
    await spending.add(END.date(), accounts, 5, 5)
    tally = TallyService(Tallies(stocked))
    await tally.catch_up()
    before = await contents(stocked)

    await demo.seed(1)
    await demo.remove()

    assert await contents(stocked) == before
    assert await spending.spent(END.date(), accounts) == dict.fromkeys(accounts, 5)
    assert (await tally.overview(Period.DAY)).figures.questions == 1
    await tally.close()


async def test_costs_of_the_demo_are_on_its_own_accounts(stocked: Database) -> None:
    await Demo(stocked, "http://here").seed(1)
    days = [now().date() - timedelta(days=days) for days in range(31)]
    assert sum([await cost_of(stocked, day, "slack:demo") for day in days]) > 0


async def test_demo_is_on_record(stocked: Database) -> None:
    demo = Demo(stocked, "http://here")
    await demo.seed(1, END)
    await demo.remove()
    assert [change.action for change in await Audit(stocked).latest(5)] == ["demo.remove", "demo.seed"]


async def test_without_pages_nothing_is_seeded_and_that_is_told(database: Database) -> None:
    before = await contents(database)
    with pytest.raises(InputError, match="too few of the pages that ship"):
        await Demo(database, "http://here").seed(1)
    assert await contents(database) == before


@pytest.mark.parametrize("told", ["people = ", "[people]\nslack = 1", "channels = 3"])
def test_script_that_cannot_be_used_is_refused(tmp_path: Path, told: str) -> None:
    broken = tmp_path / "demo.toml"
    broken.write_text(told)
    with pytest.raises(ConfigurationError, match="cannot be used for a demo"):
        read_script(broken, read_questions(QUESTIONS), shipped())


async def cost_of(database: Database, day: date, workspace: str) -> int:
    account = ("workspace", workspace)
    return (await Spending(database).spent(day, [account])).get(account, 0)


async def contents(database: Database) -> dict[str, int]:
    """How many rows each table holds; the record of changes only grows."""
    async with database.read() as db:
        return {
            name: await db.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
            if name != "audit"
        }
