"""The command `demo`: fills the database of the settings, beside a running service too, and empties it again."""

import asyncio
import sys
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

import pytest

from bot.__main__ import main
from core.domain.knowledge import Document, Look, PageNews
from core.operations.ownership import own_folder
from core.settings import ROOT, Settings
from core.storage.engine import Database
from core.storage.library import Library

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def settings(ready_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings in the environment, over a built index of the small pages."""
    settings = ready_settings()
    monkeypatch.setenv("VAR_DIR", str(settings.var_dir))
    return settings


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mlops-assistant", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    assert settings.var_dir.is_dir()
    return command


async def stock(settings: Settings) -> None:
    """Stores the pages that ship, unindexed: the demo needs their text alone."""
    folder, news = ROOT / "data" / "knowledge", list[PageNews]()
    for file in folder.rglob("*.md"):
        path, text = file.relative_to(folder).as_posix(), file.read_text(encoding="utf-8")
        content = sha256(text.encode()).hexdigest()
        page = Document(path, path, "", f"/admin/knowledge/{path}", "", text, content)
        news.append(PageNews(path, path, Look.FRESH, page))
    database = Database(settings.sqlalchemy_url)
    await Library(database).record("knowledge", news, grace=timedelta())
    await database.close()


def test_knowledge_base_without_the_pages_that_ship_is_refused_in_words(run: Run) -> None:
    status, _, err = run("demo")
    assert status == 1
    assert "too few of the pages that ship" in err
    assert "nothing was stored" in err


def test_there_may_be_nothing_to_remove(run: Run) -> None:
    status, out, _ = run("demo", "--remove")
    assert (status, out.strip()) == (0, "There was no demo to remove.")


def test_month_is_seeded_beside_a_running_service_and_removed_again(run: Run, settings: Settings) -> None:
    asyncio.run(stock(settings))
    with own_folder(settings, address="http://127.0.0.1:1"):
        status, out, _ = run("demo")
        assert status == 0
        assert "The workspace `demo` holds a month of made-up traffic" in out
        assert "/admin/overview?period=30d" in out
        status, out, _ = run("demo", "--remove")
    assert status == 0
    assert "The demo was removed" in out
