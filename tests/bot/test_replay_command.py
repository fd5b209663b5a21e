"""The command `replay`, on the spot: an answer is made again, and what differs is shown."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.__main__ import main
from core.settings import Settings

PAGES = Path(__file__).parents[1] / "pages"


@pytest.fixture
def var_dir(ready_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Settings in the environment, over a built index of pages that may be changed."""
    settings = ready_settings()
    pages = shutil.copytree(PAGES, tmp_path / "pages")
    ours = {"VAR_DIR": settings.var_dir, "KNOWLEDGE_DIR": pages, "SOURCES_FILE": tmp_path / "none.toml"}
    for name, value in {**ours, "REFRESH_CRON": "off"}.items():
        monkeypatch.setenv(name, str(value))
    return settings.var_dir


@pytest.fixture
def run(
    var_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mlops-assistant", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    assert var_dir.is_dir()
    return command


def test_an_answer_is_shown_to_be_the_same(run: Callable[..., tuple[int, str, str]]) -> None:
    run("ask", "How do I push a model to Quillstore?", "--session", "mine")
    status, out, err = run("replay", answer_of("mine", run))
    assert (status, err) == (0, "")
    assert "How do I push a model to Quillstore?" in out
    assert "Nothing differs." in out
    assert "now: " in out


def test_a_page_that_changed_since_is_seen(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    run("ask", "How do I push a model to Quillstore?", "--session", "mine")
    page = tmp_path / "pages" / "quillstore.md"
    page.write_text(page.read_text().replace("quill push", "quill send"))
    run("refresh")
    status, out, _ = run("replay", answer_of("mine", run))
    assert status == 0
    assert "revision" in out
    assert any(line.startswith("-") and "quill push" in line for line in out.splitlines())
    assert any(line.startswith("+") and "quill send" in line for line in out.splitlines())


def test_an_unknown_message_is_told(run: Callable[..., tuple[int, str, str]]) -> None:
    status, _, err = run("replay", "0123abcd")
    assert status == 1
    assert "no single answer" in err


def answer_of(session: str, run: Callable[..., tuple[int, str, str]]) -> str:
    """The id of the only answer of a session."""
    status, out, _ = run("history", session, "--json")
    assert status == 0
    [answer] = [message for message in json.loads(out)["messages"] if message["role"] == "assistant"]
    return answer["id"]
