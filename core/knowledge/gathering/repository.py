"""The pages of a folder in a git repository, at a branch or tag.

Comes in: a source and a folder for its copy. Goes out: files by the id of their content, so that only changed ones
are fetched and read. There is no work tree: nothing of the repository is ever run, linked or checked out.
Called by the gatherer.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

from core.domain.knowledge import Page, Source
from core.errors import AddressRefused, FetchFailed
from core.knowledge.gathering.addresses import PORTS, check_address
from core.knowledge.gathering.documents import document_path
from core.knowledge.gathering.failures import too_large
from core.knowledge.gathering.folder import FILE_BYTES, readable
from core.knowledge.gathering.shelf import Copy, Entry, Listing
from core.settings import child_environment

SEEN = "refs/assistant/seen"
REF = re.compile(r"[A-Za-z0-9_][\w./+@-]*")
PLAIN_FILES = frozenset({"100644", "100755"})
MOST_PACKS = 40
"""Every fetch leaves a pack; after so many the copy is made anew."""
GIT_THAT_PINS = (2, 37)

SAFE = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.followRedirects=false",
    "http.proxy=",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    "protocol.allow=never",
)
COMPLAINTS = (
    (r"couldn't find remote ref|not our ref|invalid refspec", "The repository has no branch or tag “{ref}”."),
    (r"could not read Username|Authentication failed|error: 40[13]", "The repository is private or does not exist."),
    (r"not found|does not appear to be a git|does not exist|error: 404", "There is no repository at this address."),
    (r"error: 30\d|redirect", "The repository has moved. Correct its address to the new one."),
    (r"certificate", "The certificate of the repository's host is not valid."),
    (r"resolve host", "The name of the repository's host was not found."),
    (r"Failed to connect|Connection refused|timed out|too slow", "The repository's host does not answer."),
)


class Repository:
    """Files of a repository, kept as a bare copy without history below `cache`."""

    def __init__(self, source: Source, cache: Path, *, seconds: float = 300) -> None:
        key = f"{source.name}\0{source.location}\0{source.ref}"
        self._source = source
        self._location = source.location.strip().rstrip("/")
        self._ref = source.ref.strip() or "HEAD"
        self._folder = source.folder.strip().strip("/")
        self._copy = cache / hashlib.sha256(key.encode()).hexdigest()[:24]
        self._seconds = seconds
        self._options: list[str] = []
        self._sizes: dict[str, int] = {}

    def pages(self) -> Listing:
        """The readable files at the ref, with the ids of their contents."""
        self._check()
        self._fetch()
        tree = self._git("ls-tree", "-r", "-z", "--full-tree", SEEN, "--", *([f"{self._folder}/"] * bool(self._folder)))
        lines = [line.partition("\t") for line in tree.decode(errors="replace").split("\0") if line]
        if not lines:
            raise FetchFailed(f"The repository has no folder “{self._folder}” at {self._ref}.")
        files = [(name, head.split()[2]) for head, _, name in lines if head.split()[0] in PLAIN_FILES]
        entries = [Entry(name, document_path(self._source, name), blob=blob) for name, blob in files if self._own(name)]
        return Listing(tuple(entries))

    def prepare(self, wanted: Sequence[Entry]) -> None:
        """Fetches the contents of changed files in one go."""
        blobs = "".join(f"{entry.blob}\n" for entry in wanted).encode()
        if not blobs:
            return
        all_of_them = ("-c", "fetch.negotiationAlgorithm=noop")  # what we have says nothing about what was filtered
        how = ("--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--filter=blob:none", "--stdin")
        self._git(*all_of_them, "fetch", *how, "origin", given=blobs)
        for line in self._git("cat-file", "--batch-check", given=blobs).decode().splitlines():
            blob, _, size = line.split()
            self._sizes[blob] = int(size)

    def read(self, entry: Entry, known: Page | None) -> Copy:  # noqa: ARG002 - the id of the content tells all
        """One file."""
        if self._sizes.get(entry.blob, 0) > FILE_BYTES:
            raise too_large(FILE_BYTES)
        body = self._git("cat-file", "blob", entry.blob)
        return Copy(PurePosixPath(entry.location).name, body, entry.blob, web_address(self._source, entry.location))

    def _own(self, name: str) -> bool:
        """Whether a file is a page: readable, and below no hidden folder of the folder that was asked for."""
        inner = PurePosixPath(name.removeprefix(f"{self._folder}/"))
        return readable(inner.name) and not any(part.startswith(".") for part in inner.parts)

    def _check(self) -> None:
        """Judges the address and pins its name to the places that were judged. Raises FetchFailed."""
        if not REF.fullmatch(self._ref) or ".." in self._ref or self._ref.endswith((".lock", "/")):
            raise FetchFailed(f"“{self._ref}” is not the name of a branch or tag. Correct it.")
        if self._folder.startswith("-") or ".." in PurePosixPath(self._folder).parts:
            raise FetchFailed(f"“{self._folder}” is not a folder of a repository. Correct it.")
        parts = urlsplit(self._location)
        if parts.scheme == "file" and self._source.internal:
            self._options = ["protocol.file.allow=always"]
            return
        if not parts.scheme and "@" in self._location:
            raise AddressRefused("Repositories are read over https alone. Give an address that begins with https://.")
        places = check_address(self._location, internal=self._source.internal)
        if parts.scheme == "http" and not self._source.internal:
            raise AddressRefused("Repositories are read over https alone. Give an address that begins with https://.")
        self._options = [f"protocol.{parts.scheme}.allow=always"]
        if self._version() >= GIT_THAT_PINS:
            addresses = dict.fromkeys(str(where[0]) for _, where in places)
            pinned = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
            port = parts.port or PORTS[parts.scheme]
            self._options.append(f"http.curloptResolve={parts.hostname}:{port}:{pinned}")

    def _version(self) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(rb"\d+", self._run(["git", "version"]))[:2])

    def _fetch(self) -> None:
        """Brings the copy up to date; one that a kill left half-written is made anew."""
        packs = list((self._copy / "objects" / "pack").glob("*.pack"))
        if len(packs) > MOST_PACKS:
            shutil.rmtree(self._copy, ignore_errors=True)
        existed = self._copy.exists()
        try:
            self._fetch_once()
        except FetchFailed:
            shutil.rmtree(self._copy, ignore_errors=True)
            if not existed:
                raise
            self._fetch_once()

    def _fetch_once(self) -> None:
        if not self._copy.exists():
            self._copy.parent.mkdir(parents=True, exist_ok=True)
            self._git("init", "--quiet", "--bare")
            self._git("config", "remote.origin.url", self._location)
        shallow = ("--depth=1", "--no-tags", "--filter=blob:none", "--no-recurse-submodules", "--no-write-fetch-head")
        self._git("fetch", "--quiet", "--force", *shallow, "origin", f"+{self._ref}:{SEEN}")

    def _git(self, *arguments: str, given: bytes = b"") -> bytes:
        options = [part for option in (*SAFE, *self._options) for part in ("-c", option)]
        return self._run(["git", *options, *arguments], given)

    def _run(self, command: list[str], given: bytes = b"") -> bytes:
        pipe = subprocess.PIPE
        environment = child_environment(
            HOME=os.devnull,  # no passwords of this machine's user, such as those in .netrc
            GIT_DIR=str(self._copy),
            GIT_TERMINAL_PROMPT="0",
            GIT_ASKPASS="true",
            GIT_CONFIG_NOSYSTEM="1",
            GIT_CONFIG_GLOBAL=os.devnull,
            GIT_CONFIG_COUNT="0",
            GIT_LITERAL_PATHSPECS="1",
            NO_PROXY="*",
            LC_ALL="C",
        )
        try:
            process = subprocess.Popen(  # noqa: S603 - fixed options; the address, ref and folder are judged before
                command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
            )
        except FileNotFoundError as error:
            raise FetchFailed("git is not installed here. Install it to read repositories.") from error
        with process:
            try:
                output, complaint = process.communicate(given, timeout=self._seconds)
            except BaseException as error:  # too late, or interrupted: git must not outlive us
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # with the transport that git started
                if isinstance(error, subprocess.TimeoutExpired):
                    raise FetchFailed(f"The repository was not fetched within {self._seconds:g} seconds.") from error
                raise
        if process.returncode:
            raise self._failed(complaint.decode(errors="replace"))
        return output

    def _failed(self, complaint: str) -> FetchFailed:
        for pattern, said in COMPLAINTS:
            if re.search(pattern, complaint, re.IGNORECASE):
                return FetchFailed(said.format(ref=self._ref), detail=complaint[-1000:])
        lines = complaint.strip().splitlines() or ["it says nothing"]
        return FetchFailed(f"git failed: {lines[-1][:300]}", detail=complaint[-1000:])


def web_address(source: Source, name: str) -> str:
    """Where people read a file of a repository; empty when its host is not one that is known."""
    parts = urlsplit(source.location)
    base = source.location.strip().rstrip("/").removesuffix(".git")
    where = f"{quote(source.ref.strip() or 'HEAD')}/{quote(name)}"
    if parts.hostname == "github.com":
        return f"{base}/blob/{where}"
    if (parts.hostname or "").startswith("gitlab."):
        return f"{base}/-/blob/{where}"
    return ""
