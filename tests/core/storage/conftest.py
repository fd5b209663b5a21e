"""What the tests of the database share: questions with as little text as possible."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.domain.conversation import Question, SessionKey
from core.settings import load_settings
from core.storage.conversations import Conversations
from core.storage.engine import Database
from core.storage.library import Library
from core.storage.migrate import migrate
from core.storage.reviews import Reviews
from core.storage.runs import Runs
from core.storage.sessions import Sessions
from core.storage.sources import Sources
from core.storage.turns import Turns
from core.storage.versions import Versions


@pytest.fixture
def sessions(database: Database) -> Sessions:
    return Sessions(database)


@pytest.fixture
def conversations(database: Database) -> Conversations:
    return Conversations(database)


@pytest.fixture
def reviews(database: Database) -> Reviews:
    return Reviews(database)


@pytest.fixture
def turns(database: Database) -> Turns:
    return Turns(database)


@pytest.fixture
def library(database: Database) -> Library:
    return Library(database)


@pytest.fixture
def sources(database: Database) -> Sources:
    return Sources(database)


@pytest.fixture
def versions(database: Database) -> Versions:
    return Versions(database)


@pytest.fixture
def runs(database: Database) -> Runs:
    return Runs(database)


@pytest.fixture
def thread() -> SessionKey:
    return SessionKey("slack", "T1", "C1", "1763.0001")


@pytest.fixture
def ask(thread: SessionKey) -> Callable[..., Question]:
    """A question in the thread, unless another one is named; the event is called as the text is."""

    def make(text: str, session: SessionKey = thread, **fields: str) -> Question:
        return Question(**{"session": session, "text": text, "event_id": f"event of {text}", **fields})

    return make


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    """The file of a migrated SQLite database that nobody has open."""
    path = tmp_path / "assistant.db"
    migrate(sqlite_url(path))
    return path


def sqlite_url(path: Path) -> str:
    return load_settings(database_url=f"sqlite:///{path}").sqlalchemy_url
