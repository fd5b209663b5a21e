"""The commands of sources and index, on the spot and through a service that runs: they do the same."""

import asyncio
import json
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import uvicorn

from bot.__main__ import main
from bot.http.app import create_app
from core.bootstrap import open_services
from core.domain.people import Change
from core.operations.ownership import own_folder
from core.settings import Settings, load_settings
from core.storage.audit import Audit
from core.storage.engine import Database

PAGES = Path(__file__).parents[1] / "pages"
NOTE = "# Gribblex\n\nGribblex is started with `gribble up`.\n"
QUESTIONS = [
    {"id": "push", "question": "How do I push a model to Quillstore?", "gold": ["quillstore.md"]},
    {"id": "drift", "question": "How does Gaugeworks measure drift?", "gold": ["monitoring/gaugeworks.md"]},
    {"id": "gribble", "question": "How is Gribblex started?", "gold": ["notes/gribblex.md"]},
    {"id": "lost", "question": "What is on a page that is not there?", "gold": ["lost.md"]},
    {"id": "chess", "question": "Who won the chess championship of 1972?", "gold": []},
]


class Said(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def settings(tmp_path: Path, built_var: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings in the environment: a built index of pages that may be changed, and golden questions."""
    shutil.copytree(built_var, tmp_path / "var", symlinks=True)
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(json.dumps(question) + "\n" for question in QUESTIONS))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = {
        "VAR_DIR": tmp_path / "var",
        "KNOWLEDGE_DIR": shutil.copytree(PAGES, tmp_path / "pages"),
        "SOURCES_FILE": tmp_path / "none.toml",
        "GOLDEN_FILE": questions,
        "REFRESH_CRON": "off",
        "API_KEY": "a long random key",
        "PORT": port,
    }
    for name, value in ours.items():
        monkeypatch.setenv(name, str(value))
    return load_settings()


@contextmanager
def serving(settings: Settings) -> Iterator[None]:
    """A service that owns VAR_DIR, in a thread."""
    listening = socket.create_server(("127.0.0.1", settings.port))  # callers wait in its queue
    server: list[uvicorn.Server] = []

    async def run() -> None:
        async with open_services(settings) as services:
            server.append(uvicorn.Server(uvicorn.Config(create_app(services), log_config=None, lifespan="off")))
            await server[0].serve(sockets=[listening])

    with own_folder(settings, address=settings.local_address):
        thread = threading.Thread(target=lambda: asyncio.run(run()))
        thread.start()
        try:
            yield
        finally:
            server[0].should_exit = True
            thread.join()


@pytest.fixture(params=["on the spot", "through the service"])
def run(request: pytest.FixtureRequest, settings: Settings, here: Run) -> Iterator[Run]:
    """Runs a command either way."""
    if request.param == "on the spot":
        yield here
        return
    with serving(settings):
        yield here


@pytest.fixture
def here(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process, on the spot."""
    assert settings.var_dir.is_dir()

    def command(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["mlops-assistant", *(str(argument) for argument in arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Said(int(ended.value.code or 0), *capsys.readouterr())

    return command


def test_source_from_added_to_removed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "gribblex.md").write_text(NOTE)

    added = run("sources", "add", "notes", tmp_path / "docs", "--product", "Gribblex", "--include", "*.md")
    assert (added.status, added.err) == (0, "")
    assert "✓ Source notes of the kind folder was added." in added.out
    assert "1 page; it is “Gribblex”" in run("sources", "check", "notes").out
    refreshed = run("refresh").out
    assert "  1 added, 0 changed, 0 removed\n  + notes/gribblex.md\n" in refreshed
    listed = [line.split()[:4] for line in run("sources", "list").out.splitlines()]
    assert ["notes", "folder", "Gribblex", "1"] in listed
    assert run("sources", "pages", "notes").out == "live   gribblex.md\n"
    assert run("sources", "change", "notes", "--disable").status == 0
    [line] = [line for line in run("sources", "list").out.splitlines() if line.startswith("notes")]
    assert line.split()[-1] == "off"
    assert "Its pages (1) leave the index at the next refresh" in run("sources", "remove", "notes").out
    assert "  - notes/gribblex.md" in run("refresh").out


def test_command_is_on_record_with_who_typed_it(
    run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("LOGNAME", "Ada Löve")

    assert run("sources", "change", "knowledge", "--disable").status == 0

    said = {"on the spot": "command of Ada Löve", "through the service": "API_KEY (command of Ada Löve)"}
    (change,) = asyncio.run(recorded(settings))
    assert (change.action, change.who) == ("source.change", said[request.node.callspec.params["run"]])


async def recorded(settings: Settings) -> list[Change]:
    """The record of changes."""
    database = Database(settings.sqlalchemy_url)
    changes = await Audit(database).latest(10)
    await database.close()
    return changes


def test_files_are_added_and_uploaded(run: Run, tmp_path: Path) -> None:
    good, bad = tmp_path / "gribblex.md", tmp_path / "broken.pdf"
    good.write_text(NOTE)
    bad.write_bytes(b"%PDF-1.7 nothing")

    added = run("sources", "add", "files", good, bad)
    assert (added.status, added.err) == (0, "")
    assert "✓ gribblex.md: “Gribblex”" in added.out
    assert "! broken.pdf: " in added.out
    again = run("sources", "upload", "files", bad)
    assert (again.status, again.err) == (1, "✗ No file was stored.\n")


def test_versions_changes_and_rollback(run: Run, settings: Settings) -> None:
    (settings.knowledge_dir / "gribblex.md").write_text(NOTE)
    assert "✓ Index updated in place" in run("refresh").out
    rolled = run("rollback")
    listed = run("versions").out

    assert (rolled.status, rolled.err) == (0, "")
    assert "✓ Rolled back: version " in rolled.out
    assert "of 3 pages" in rolled.out
    assert "Production" in listed
    assert "of 3 pages, revision 2" in listed
    assert "1 added, 0 changed, 0 removed, in place (undone)\n  + gribblex.md" in listed
    assert "0 added, 0 changed, 1 removed, in place (undone)\n  - gribblex.md" in listed
    assert run("versions", "list").out == listed


def test_evaluation_shows_metrics_and_compares(run: Run, tmp_path: Path) -> None:
    found = run("evaluate", "--json", tmp_path / "found.jsonl")
    version = run("versions").out.split()[0]
    compared = run("evaluate", "--compare", version).out

    assert (found.status, found.err) == (0, "")
    rows = {" ".join(line.split()[:-5]): line.split()[-5:] for line in found.out.splitlines() if " to " in line}
    assert rows["recall@1"] == ["1.000", "1.000", "to", "1.000", "2"]
    assert "refused rightly" in rows
    lines = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["push", "drift", "chess"]
    assert lines[0]["pages"][0] == "quillstore.md"
    assert "Every question fares as before." in compared


REFUSED = {
    "taken name": (["sources", "add", "knowledge", "https://x.test"], "is no name for a source"),
    "unknown source": (["sources", "remove", "nobody"], "There is no source 'nobody'"),
    "nothing to change": (["sources", "change", "knowledge"], "Name something to change"),
    "check that finds nothing": (["sources", "check", "./nowhere"], "is missing"),
    "file that is not there": (["sources", "upload", "knowledge", "nowhere.md"], "There is no file nowhere.md"),
    "version that is not there": (["promote", "abcdabcd"], "There is no index version 'abcdabcd'"),
    "first index": (["rollback"], "There is nothing to roll back"),
    "half of a pair": (["evaluate", "--questions", "x.jsonl"], "--questions and --pages go together"),
    "two at once": (["evaluate", "--questions", "x", "--pages", ".", "--version", "x"], "--questions builds one"),
    "questions that are not there": (["evaluate", "--questions", "x.jsonl", "--pages", "."], "x.jsonl cannot be read"),
}


@pytest.mark.parametrize(("arguments", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_done(here: Run, arguments: list[str], said: str) -> None:
    done = here(*arguments)

    assert done.status == 1
    assert done.err.startswith("✗ ")
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_questions_over_folders_of_their_own_leave_everything_as_it_was(
    here: Run, settings: Settings, tmp_path: Path
) -> None:
    more = tmp_path / "more" / "notes"
    more.mkdir(parents=True)
    (more / "gribblex.md").write_text(NOTE)
    before = {path: path.stat().st_mtime_ns for path in settings.var_dir.rglob("*") if path.is_file()}
    done = here(
        "evaluate", "--questions", settings.golden_file, "--pages", PAGES, "--pages", tmp_path / "more",
        "--json", tmp_path / "found.jsonl",
    )  # fmt: skip

    assert (done.status, done.err) == (0, "")
    assert "✓ 4 questions over 4 pages" in done.out
    assert "Left out, since no page that answers them is there: 1." in done.out
    found = {line["id"]: line["pages"] for line in map(json.loads, (tmp_path / "found.jsonl").read_text().splitlines())}
    assert found["gribble"][0] == "notes/gribblex.md"
    assert found["drift"][0] == "monitoring/gaugeworks.md"
    assert {path: path.stat().st_mtime_ns for path in settings.var_dir.rglob("*") if path.is_file()} == before


def test_folders_with_the_same_page_are_refused(here: Run, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "quillstore.md").write_text(NOTE)
    done = here("evaluate", "--questions", settings.golden_file, "--pages", PAGES, "--pages", tmp_path / "more")

    assert done.status == 1
    assert "quillstore.md is in more than one of the folders" in done.err
