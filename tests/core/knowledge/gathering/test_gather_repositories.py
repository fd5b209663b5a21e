"""Looking at the documentation folder of a git repository, with real git and a repository on this machine."""

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from core.domain.knowledge import Look, Page, PageNews, PageStatus, Source, SourceKind
from core.errors import AddressRefused, FetchFailed
from core.knowledge.gathering.fetch import Fetcher
from core.knowledge.gathering.gather import Gatherer
from core.knowledge.gathering.repository import Repository, web_address

Commit = Callable[..., None]


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return tmp_path / "origin"


@pytest.fixture
def commit(origin: Path, monkeypatch: pytest.MonkeyPatch) -> Commit:
    """Writes files into the repository (None removes one) and commits them."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    git(origin.parent, "init", "--quiet", "--initial-branch=main", str(origin))
    git(origin, "config", "uploadpack.allowFilter", "true")

    def make(**files: str | None) -> None:
        for name, content in files.items():
            path = origin / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
        git(origin, "add", "--all")
        git(origin, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "Change")

    return make


@pytest.fixture
def gatherer(tmp_path: Path) -> Gatherer:
    return Gatherer(Fetcher(gap=0), tmp_path / "repositories")


def git(where: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=where, check=True, capture_output=True)  # noqa: S603, S607


def source(origin: Path, **others: Any) -> Source:
    given = {"location": f"file://{origin}", "folder": "docs", "ref": "main", "internal": True, **others}
    return Source("tool", SourceKind.GIT, **given)


def look(gatherer: Gatherer, at: Source, known: dict[str, Page] | None = None) -> list[PageNews]:
    return [item for item in gatherer.look(at, known or {}) if isinstance(item, PageNews)]


def remembered(news: list[PageNews]) -> dict[str, Page]:
    return {item.location: Page(item.location, item.path, PageStatus.LIVE, raw_hash=item.raw_hash) for item in news}


@pytest.mark.parametrize("filters", ["true", "false"])
def test_folder_of_a_repository_becomes_documents(
    origin: Path, commit: Commit, gatherer: Gatherer, filters: str
) -> None:
    git(origin, "config", "uploadpack.allowFilter", filters)
    commit(**{"docs/a.md": "# Run it\n\nText.", "docs/b/ü.md": "Text.", "src/c.md": "No.", "docs/x.png": "No."})
    first, second = look(gatherer, source(origin, product="Tool"))
    assert (first.location, first.path, first.look) == ("docs/a.md", "tool/docs/a.md", Look.FRESH)
    assert first.document
    assert (first.document.title, first.document.product) == ("Run it", "Tool")
    assert first.document.address == "/admin/knowledge/tool/docs/a.md"
    assert second.location == "docs/b/ü.md"


def test_refresh_reads_changed_files_alone(origin: Path, commit: Commit, gatherer: Gatherer) -> None:
    commit(**{"docs/a.md": "A.", "docs/b.md": "B.", "docs/c.md": "C."})
    at = source(origin)
    known = remembered(look(gatherer, at))
    assert {item.look for item in look(gatherer, at, known)} == {Look.UNCHANGED}
    commit(**{"docs/b.md": "Other.", "docs/c.md": None, "docs/d.md": "D."})
    news = {item.location: item for item in look(gatherer, at, known)}
    assert {name: item.look for name, item in news.items()} == {
        "docs/a.md": Look.UNCHANGED,
        "docs/b.md": Look.FRESH,
        "docs/c.md": Look.GONE,
        "docs/d.md": Look.FRESH,
    }
    document = news["docs/b.md"].document
    assert document
    assert document.text.strip() == "Other."


def test_contents_outside_the_folder_are_not_fetched(
    origin: Path, commit: Commit, gatherer: Gatherer, tmp_path: Path
) -> None:
    commit(**{"docs/a.md": "A.", "src/large.md": "Large."})
    look(gatherer, source(origin))
    [copy] = (tmp_path / "repositories").iterdir()
    counted = ["git", f"--git-dir={copy}", "rev-list", "--objects", "--missing=print", "refs/assistant/seen"]
    listed = subprocess.run(counted, check=True, capture_output=True, text=True).stdout  # noqa: S603
    assert sum(line.startswith("?") for line in listed.splitlines()) == 1


def test_tag_and_rewritten_branch_are_followed(origin: Path, commit: Commit, gatherer: Gatherer) -> None:
    commit(**{"docs/a.md": "Old."})
    git(origin, "tag", "v1.0")
    commit(**{"docs/a.md": "New."})
    [old] = look(gatherer, source(origin, ref="v1.0"))
    [new] = look(gatherer, source(origin))
    assert old.document
    assert new.document
    assert (old.document.text.strip(), new.document.text.strip()) == ("Old.", "New.")
    git(origin, "reset", "--quiet", "--hard", "v1.0")
    [back] = look(gatherer, source(origin), remembered([new]))
    assert back.document
    assert back.document.text.strip() == "Old."


def test_whole_repository_is_read_without_a_folder_and_a_ref(origin: Path, commit: Commit, gatherer: Gatherer) -> None:
    commit(**{"README.md": "A.", "docs/b.md": "B.", ".github/c.md": "No."})
    assert [item.location for item in look(gatherer, source(origin, folder="", ref=""))] == ["README.md", "docs/b.md"]


def test_links_and_submodules_are_not_followed(
    origin: Path, commit: Commit, gatherer: Gatherer, tmp_path: Path
) -> None:
    (tmp_path / "secret.md").write_text("Secret.")
    commit(**{"docs/a.md": "A.", ".gitmodules": '[submodule "docs/m.md"]\npath = docs/m.md\nurl = file:///\n'})
    (origin / "docs" / "link.md").symlink_to(tmp_path / "secret.md")
    empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    git(origin, "update-index", "--add", "--cacheinfo", f"160000,{empty},docs/m.md")
    git(origin, "add", "docs/link.md")
    git(origin, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "Links")
    assert [item.location for item in look(gatherer, source(origin))] == ["docs/a.md"]


def test_copy_that_a_kill_left_locked_is_made_anew(
    origin: Path, commit: Commit, gatherer: Gatherer, tmp_path: Path
) -> None:
    commit(**{"docs/a.md": "A."})
    known = remembered(look(gatherer, source(origin)))
    [copy] = (tmp_path / "repositories").iterdir()
    (copy / "shallow.lock").touch()
    (copy / "HEAD").write_text("")
    commit(**{"docs/a.md": "B."})
    assert [item.look for item in look(gatherer, source(origin), known)] == [Look.FRESH]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"ref": "away"}, "has no branch or tag “away”"),
        ({"ref": "--upload-pack=touch /tmp/x"}, "is not the name of a branch"),
        ({"ref": "a..b"}, "is not the name of a branch"),
        ({"ref": "main:refs/heads/x"}, "is not the name of a branch"),
        ({"folder": "away"}, "no folder “away”"),
        ({"folder": "../.."}, "is not a folder"),
        ({"folder": "--all"}, "is not a folder"),
        ({"location": "file:///nowhere"}, "no repository at this address"),
    ],
)
def test_repository_that_cannot_be_listed_is_told(
    origin: Path, commit: Commit, gatherer: Gatherer, others: dict[str, str], said: str
) -> None:
    commit(**{"docs/a.md": "A."})
    with pytest.raises(FetchFailed, match=said):
        look(gatherer, source(origin, **others), {"docs/a.md": Page("docs/a.md", "tool/docs/a.md", PageStatus.LIVE)})


class GitHandler(BaseHTTPRequestHandler):
    """Serves the repositories below `folder` as a git host does; `/moved/…` redirects to them."""

    folder: ClassVar[Path]

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path.startswith("/moved/"):
            self.send_response(301)
            self.send_header("Location", self.path.removeprefix("/moved"))
            self.end_headers()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        told = {
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        backend = ["git", "http-backend"]
        output = subprocess.run(backend, input=body, env={**os.environ, **told}, check=False, stdout=-1).stdout  # noqa: S603
        head, _, rest = output.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(rest)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def host(tmp_path: Path) -> Iterator[str]:
    """The address of a git host under a name that only a pin can find."""
    handler = type("Handler", (GitHandler,), {"folder": tmp_path})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://git.example:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_repository_is_fetched_from_the_place_that_was_judged(
    origin: Path, commit: Commit, gatherer: Gatherer, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(**{"docs/a.md": "A.", "src/b.md": "B."})
    place = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [place])
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    [news] = look(gatherer, source(origin, location=f"{host}/origin/.git"))
    assert (news.location, news.look) == ("docs/a.md", Look.FRESH)
    with pytest.raises(FetchFailed, match="has moved"):
        look(gatherer, source(origin, location=f"{host}/moved/origin/.git"))
    with pytest.raises(FetchFailed, match="no repository at this address"):
        look(gatherer, source(origin, location=f"{host}/away"))
    with pytest.raises(AddressRefused, match="private network"):
        look(gatherer, source(origin, location=f"{host}/origin/.git", internal=False))


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc",
        "/etc",
        "ext::sh -c touch% /tmp/x",
        "--upload-pack=touch /tmp/x",
        "git@github.com:owner/name.git",
        "ssh://github.com/owner/name",
        "git://93.184.216.34/name",
        "http://93.184.216.34/owner/name",
        "https://token@github.com/owner/name",
        "https://127.0.0.1/owner/name",
        "https://169.254.169.254/owner/name",
    ],
)
def test_repository_where_nothing_is_fetched_is_refused(origin: Path, gatherer: Gatherer, location: str) -> None:
    with pytest.raises(AddressRefused):
        look(gatherer, source(origin, location=location, internal=False))


def test_machine_without_git_is_told(
    origin: Path, gatherer: Gatherer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchFailed, match="git is not installed here"):
        look(gatherer, source(origin))


def test_repository_that_takes_too_long_is_given_up(origin: Path, commit: Commit, tmp_path: Path) -> None:
    commit(**{"docs/a.md": "A."})
    with pytest.raises(FetchFailed, match="not fetched within 0 seconds"):
        Repository(source(origin), tmp_path / "repositories", seconds=0).pages()


@pytest.mark.parametrize(
    ("location", "ref", "address"),
    [
        ("https://github.com/o/r.git", "v1", "https://github.com/o/r/blob/v1/docs/a%20b.md"),
        ("https://github.com/o/r/", "", "https://github.com/o/r/blob/HEAD/docs/a%20b.md"),
        ("https://gitlab.com/g/s/r", "main", "https://gitlab.com/g/s/r/-/blob/main/docs/a%20b.md"),
        ("https://git.example.org/r", "main", ""),
    ],
)
def test_address_of_a_file_is_where_people_read_it(location: str, ref: str, address: str) -> None:
    assert web_address(Source("tool", SourceKind.GIT, location, ref=ref), "docs/a b.md") == address
