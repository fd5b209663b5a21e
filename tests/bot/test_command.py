"""The command as people run it: a process of its own, in an empty folder, with an environment of its own."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

ROOT, PAGES = Path(__file__).parents[2], Path(__file__).parents[1] / "pages"
PUSH = "How do I push a model to Quillstore?"

COMMANDS = ("serve", "ask", "refresh", "sources", "versions", "promote", "rollback", "evaluate", "migrate", "doctor")

Run = Callable[..., subprocess.CompletedProcess[str]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def var_dir(tmp_path: Path, built_var: Path) -> Path:
    return shutil.copytree(built_var, tmp_path / "var", symlinks=True)


@pytest.fixture
def run(tmp_path: Path, var_dir: Path) -> Run:
    """Runs `mlops-assistant` with arguments; keywords are settings."""
    home, folder = tmp_path / "home", tmp_path / "cwd"
    home.mkdir()
    folder.mkdir()

    def command(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        ours = {"PATH": os.environ["PATH"], "PYTHONPATH": ROOT, "HOME": home}
        base = {**ours, "VAR_DIR": var_dir, "KNOWLEDGE_DIR": PAGES}
        defaults = {**base, "PORT": free_port(), "REFRESH_CRON": "off", "SOURCES_FILE": "/none.toml"}
        environment = defaults | {name.upper(): value for name, value in settings.items()}
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "bot", *arguments],
            cwd=folder, env={name: str(value) for name, value in environment.items()},
            capture_output=True, text=True, timeout=45, check=False,
        )  # fmt: skip

    return command


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def refused(done: subprocess.CompletedProcess[str], *fragments: str) -> None:
    """The command failed with one sentence on standard error, and with nothing for programmers."""
    said = done.stderr.strip()
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    assert done.returncode == 1
    assert said.startswith("✗ "), said
    assert len(said.splitlines()) == 1, said
    for fragment in fragments:
        assert fragment in said


def test_help_lists_the_commands(run: Run) -> None:
    done = run("--help")

    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)


def test_version(run: Run) -> None:
    assert run("--version").stdout.startswith("mlops-assistant 0.")


def test_unknown_command_is_a_usage_error(run: Run) -> None:
    done = run("srve")

    assert done.returncode == 2
    assert "No such command" in done.stderr


def test_ask_answers_with_sources_and_follows_up_in_a_session(run: Run, tmp_path: Path) -> None:
    first = run("ask", "Why does a Drumline job stay in the state waiting?", "--session", "mine")
    second = run("ask", "and then?", "--session", "mine")

    assert (first.returncode, first.stderr) == (0, "")
    assert "drum runner start" in first.stdout
    assert "Sources\n[1] Schedule training with Drumline" in first.stdout
    assert "/admin/knowledge/drumline.md" in first.stdout
    assert second.returncode == 0
    assert "Drumline" in second.stdout
    assert list((tmp_path / "home").iterdir()) == []
    assert list((tmp_path / "cwd").iterdir()) == []


def test_ask_what_the_pages_do_not_cover(run: Run) -> None:
    done = run("ask", "Who won the chess championship of 1972?")

    assert done.returncode == 0
    assert "The knowledge base does not cover this." in done.stdout
    assert "The nearest pages" in done.stdout


def test_ask_the_crew(run: Run, tmp_path: Path) -> None:
    done = run("ask", PUSH, "--mode", "crew")

    assert done.returncode == 0, done.stderr
    assert "MLOps Technical Writer: writing the answer…" in done.stdout
    assert "quill push churn" in done.stdout
    assert list((tmp_path / "home").iterdir()) == []


def test_refresh_says_that_nothing_has_changed(run: Run) -> None:
    done = run("refresh")

    assert done.returncode == 0
    assert "✓ No page has changed; the index is up to date." in done.stdout


def test_refresh_indexes_a_changed_page(run: Run, tmp_path: Path) -> None:
    pages = shutil.copytree(PAGES, tmp_path / "pages")
    (pages / "tubaform.md").write_text("# Tubaform\n\nTubaform blows models into shape with `tuba blow`.\n")
    done = run("refresh", knowledge_dir=pages)

    assert done.returncode == 0, done.stderr
    assert "of 4 pages" in " ".join(done.stdout.split())
    assert "tuba blow" in run("ask", "What does Tubaform blow?", knowledge_dir=pages).stdout


def test_migrate_goes_down_and_up_again(run: Run) -> None:
    down, up = run("migrate", "base"), run("migrate", "head")

    assert (down.returncode, up.returncode) == (0, 0)
    assert "✓ The database is at revision base." in down.stdout
    newest = max(script.name[:4] for script in (ROOT / "migrations" / "versions").glob("0*.py"))
    assert f"✓ The database is at revision {newest}." in up.stdout


def test_corrupt_index_is_named_and_rebuilt_and_the_history_is_still_there(run: Run, var_dir: Path) -> None:
    assert run("ask", PUSH, "--session", "mine").returncode == 0
    [damaged] = (var_dir / "index").glob("*/chroma.sqlite3")
    damaged.write_bytes(b"\x00" * 4096)

    refused(run("ask", PUSH), "The index cannot be read", "`mlops-assistant refresh --rebuild`")
    rebuilt = run("refresh", "--rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert "quill push churn" in run("ask", PUSH).stdout
    with sqlite3.connect(var_dir / "assistant.db") as database:
        [(kept,)] = database.execute("SELECT count(*) FROM sessions WHERE thread = 'mine'").fetchall()
    assert kept == 1


SETTINGS_THAT_CANNOT_BE_USED = {
    "port is a word": ({"port": "abc"}, ["PORT"]),
    "port out of range": ({"port": "70000"}, ["PORT"]),
    "open to the world": ({"host": "0.0.0.0"}, ["HOST=0.0.0.0", "API_KEY"]),  # noqa: S104
    "log level": ({"log_level": "LOUD"}, ["LOG_LEVEL"]),
    "no cron": ({"refresh_cron": "daily"}, ["REFRESH_CRON", "cron"]),
    "impossible cron": ({"refresh_cron": "99 3 * * *"}, ["REFRESH_CRON"]),
    "other database": ({"database_url": "mysql://a@b/c"}, ["DATABASE_URL", "postgresql://"]),
    "database port is a word": ({"database_url": "postgresql://a:b@127.0.0.1:port/c"}, ["DATABASE_URL"]),
    "model without scheme": ({"llm_base_url": "localhost:11434/v1"}, ["LLM_BASE_URL", "http://"]),
    "model at an impossible port": ({"llm_base_url": "http://127.0.0.1:99999/v1"}, ["LLM_BASE_URL"]),
    "half of Slack": ({"slack_bot_token": "xoxb-1"}, ["SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"]),
    "role": ({"roles": "http,telepathy"}, ["telepathy", "http, slack, discord, worker"]),
    "role that looks like markup": ({"roles": "[/red]"}, ["[/red]", "is no role"]),
}


@pytest.mark.parametrize(
    ("settings", "said"), SETTINGS_THAT_CANNOT_BE_USED.values(), ids=SETTINGS_THAT_CANNOT_BE_USED.keys()
)
def test_settings_that_cannot_be_used(run: Run, settings: dict[str, str], said: list[str]) -> None:
    refused(run("serve", **settings), *said)


def test_line_of_the_env_file_that_is_no_setting(run: Run, tmp_path: Path) -> None:
    (tmp_path / "cwd" / ".env").write_text("PORT=8000\nthis is no setting\n")

    refused(run("doctor"), ".env, line 2", "NAME=value")


def test_env_file_that_is_no_text(run: Run, tmp_path: Path) -> None:
    (tmp_path / "cwd" / ".env").write_bytes(b"\xff\xfe\x00\x00")

    refused(run("doctor"), ".env", "UTF-8")


@pytest.mark.parametrize(
    ("question", "said"),
    [("", "empty"), (" \n", "empty"), ("x" * 100_000, "100,000 characters"), ("ring \x07", "control character")],
    ids=["nothing", "blank", "100 KB", "control character"],
)
def test_question_that_cannot_be_asked(run: Run, question: str, said: str) -> None:
    refused(run("ask", question), said)


def test_model_that_is_not_there_is_quoted_for_with_the_reason(run: Run) -> None:
    done = run("ask", PUSH, llm_base_url="http://127.0.0.1:1/v1", llm_retries=0)

    assert (done.returncode, done.stderr) == (0, "")
    assert "The language model cannot be reached right now, so this is quoted from the knowledge base:" in done.stdout
    assert "quill push churn" in done.stdout


def test_postgres_that_is_not_there(run: Run) -> None:
    refused(run("ask", PUSH, database_url="postgresql://me:secret@127.0.0.1:1/assistant"), "database", "DATABASE_URL")


def test_chroma_that_is_not_there(run: Run) -> None:
    refused(run("ask", PUSH, chroma_url="http://127.0.0.1:1"), "http://127.0.0.1:1", "CHROMA_URL")


def test_pages_that_are_not_there_leave_the_index_as_it_is(run: Run, tmp_path: Path) -> None:
    done = run("refresh", knowledge_dir=tmp_path / "nowhere")

    assert (done.returncode, done.stderr) == (0, "")
    assert "! 1 page or source could not be read; what was known was kept." in done.stdout
    listed = run("sources", "list", knowledge_dir=tmp_path / "nowhere").stdout
    assert f"knowledge: The folder {tmp_path / 'nowhere'} is missing." in listed
    assert "quill push churn" in run("ask", PUSH).stdout


def test_page_that_cannot_be_read_is_named_and_the_others_are_indexed(run: Run, tmp_path: Path) -> None:
    pages = shutil.copytree(PAGES, tmp_path / "pages")
    (pages / "broken.md").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (pages / "tubaform.md").write_text("# Tubaform\n\nTubaform blows models into shape with `tuba blow`.\n")
    done = run("refresh", knowledge_dir=pages)

    assert done.returncode == 0, done.stderr
    assert "1 added, 0 changed, 0 removed" in done.stdout
    assert "1 page or source could not be read" in done.stdout
    shown = run("sources", "pages", "knowledge", "--problems", knowledge_dir=pages).stdout
    assert shown.startswith("failed broken.md\n")
    assert len(shown.splitlines()) == 2, "the page and its reason"


@pytest.mark.parametrize("command", [["ask", PUSH], ["refresh"], ["migrate"], ["serve"]], ids=lambda c: c[0])
def test_folder_that_cannot_be_written(run: Run, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "file").write_text("in the way")

    refused(run(*command, var_dir=tmp_path / "file" / "var"), str(tmp_path / "file"))


def test_folder_with_brackets_in_its_name_is_named_as_it_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "[red]file").write_text("in the way")

    refused(run("migrate", var_dir=tmp_path / "[red]file" / "var"), "[red]file")


def test_damaged_database(run: Run, var_dir: Path) -> None:
    for left in var_dir.glob("assistant.db*"):
        left.unlink()
    (var_dir / "assistant.db").write_bytes(b"this was a database once" * 500)

    refused(run("ask", PUSH), "database", "damaged")
    assert (var_dir / "assistant.db").read_bytes().startswith(b"this was a database once"), "left as it is"


def test_locked_database(run: Run, var_dir: Path) -> None:
    database = sqlite3.connect(var_dir / "assistant.db")
    database.execute("BEGIN EXCLUSIVE")
    try:
        refused(run("ask", PUSH), "locked")
    finally:
        database.close()


def test_database_of_a_newer_version(run: Run, var_dir: Path) -> None:
    with sqlite3.connect(var_dir / "assistant.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.execute("UPDATE schema_floor SET revision = '9999'")

    refused(run("ask", PUSH), "9999")


def test_port_that_is_taken(run: Run, taken_port: int) -> None:
    refused(run("serve", port=taken_port), f"Port {taken_port}", "PORT")


def test_folder_that_another_process_holds(run: Run, var_dir: Path) -> None:
    with FileLock(var_dir / "owner.lock"):
        refused(run("ask", PUSH), str(var_dir), "VAR_DIR")
