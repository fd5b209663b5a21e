"""Fetches pages from the web: politely, within bounds, and only from where it may.

Comes in: an address, with the validators of the copy that is known. Goes out: a `Reply`, or a FetchFailed whose
sentence a person can read. Called by the gatherer, from one thread a source.
"""

import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3
from requests.utils import requote_uri

from core.errors import FetchFailed, PageGone, SiteDown
from core.knowledge.gathering.addresses import check_address, cut_after, guarded_session, split_address
from core.knowledge.gathering.failures import AGAIN, of_error, of_status, too_large, too_slow
from core.knowledge.gathering.pace import Pace, asked_wait, backoff
from core.knowledge.gathering.robots import Robots
from core.version import VERSION

AGENT = "mlops-assistant"
"""What robots.txt calls us."""

OK, NOT_MODIFIED = 200, 304
REDIRECTS = frozenset({301, 302, 303, 307, 308})
NO_ROBOTS = frozenset({400, 401, 403, 404, 405, 410, 451})
"""Statuses of robots.txt that mean that there is none, and that everything may be read."""

MOST_REDIRECTS = 5
LONGEST_ASKED_WAIT = 60.0
PAGE_BYTES = 20 * 2**20
ROBOTS_BYTES = 2**20
PIECE = 2**16
UNPACKED = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})


@dataclass(frozen=True)
class Reply:
    """A page as its site sent it, or that it is `unchanged`. `address` is where redirects led, without a fragment."""

    address: str
    body: bytes = b""
    media_type: str = ""
    charset: str = ""
    etag: str = ""
    last_modified: str = ""
    unchanged: bool = False


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class Fetcher:
    """Fetches for all sources, from any thread. `close` ends every wait.

    `contact` is an address that tells a site's owner who is asking; `gap` the seconds between two requests to a host;
    `seconds` bounds how long a site may take over the head and over the body of one page; `ca_file` is for sites
    with certificates of one's own.
    """

    def __init__(
        self,
        *,
        contact: str = "",
        gap: float = 0.5,
        tries: int = 3,
        seconds: float = 60.0,
        max_bytes: int = PAGE_BYTES,
        timeout: tuple[float, float] = (10.0, 20.0),
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        ca_file: str | None = None,
    ) -> None:
        self.agent = f"{AGENT}/{VERSION} ({f'+{contact}' if contact else 'self-hosted, reads documentation'})"
        self._tries = tries
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._pace = Pace(gap, clock, self._sleep)
        self._robots = Robots(AGENT, self._read_robots, clock)
        self._sessions = {
            internal: guarded_session(internal=internal, seconds=seconds, verify=ca_file or True)
            for internal in (False, True)
        }

    def get(
        self,
        url: str,
        *,
        etag: str = "",
        last_modified: str = "",
        internal: bool = False,
        max_bytes: int | None = None,
    ) -> Reply:
        """Fetches a page, unless the site says that the known copy is the latest. Raises FetchFailed."""
        headers = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        known = {name: value for name, value in headers.items() if value.isascii() and value.isprintable() and value}
        address, answer = self._follow(url, known, internal, max_bytes or self._max_bytes, self._robots)
        if answer.status == NOT_MODIFIED and known:
            return Reply(
                address,
                etag=answer.headers.get("ETag", etag),
                last_modified=answer.headers.get("Last-Modified", last_modified),
                unchanged=True,
            )
        if answer.status != OK:
            raise of_status(answer.status)
        media_type, charset = _content_type(answer.headers.get("Content-Type", ""))
        return Reply(
            address,
            answer.body,
            media_type,
            charset,
            answer.headers.get("ETag", ""),
            answer.headers.get("Last-Modified", ""),
        )

    def close(self) -> None:
        """Stops: waits end, and whatever is fetched from now on fails."""
        self._closed.set()
        for session in self._sessions.values():
            session.close()

    def _read_robots(self, url: str, internal: bool) -> bytes:
        _, answer = self._follow(url, {}, internal, ROBOTS_BYTES, None)
        if answer.status in NO_ROBOTS:
            raise PageGone("There is no robots.txt.")
        if answer.status != OK:
            raise of_status(answer.status)
        return answer.body

    def _follow(
        self, url: str, headers: Mapping[str, str], internal: bool, limit: int, robots: Robots | None
    ) -> tuple[str, _Answer]:
        """Follows redirects by hand: every address on the way is judged like the first."""
        address = url.partition("#")[0]
        seen: list[str] = []
        while len(seen) <= MOST_REDIRECTS:
            split_address(address)
            seen.append(address)
            gap = robots.delay(address, internal=internal) if robots else 0.0
            answer = self._try(address, headers, internal, limit, gap)
            target = answer.headers.get("Location", "") if answer.status in REDIRECTS else ""
            if not target:
                return address, answer
            address = _led_to(address, target)
            if address in seen:
                raise FetchFailed("The page redirects in a circle.", detail=" > ".join([*seen, address]))
        raise FetchFailed(f"The page redirects more than {MOST_REDIRECTS} times.", detail=" > ".join(seen))

    def _try(self, url: str, headers: Mapping[str, str], internal: bool, limit: int, gap: float) -> _Answer:
        """Asks until there is an answer, with longer and longer waits in between."""
        host = split_address(url).netloc
        for attempt in range(1, self._tries + 1):
            try:
                with self._pace.turn(host, gap):
                    answer = self._ask(url, headers, internal, limit)
            except SiteDown:
                if attempt == self._tries:
                    raise
                wait = backoff(attempt)
            else:
                asked = asked_wait(answer.headers.get("Retry-After"))
                if answer.status not in AGAIN or attempt == self._tries or asked > LONGEST_ASKED_WAIT:
                    return answer
                wait = max(asked, backoff(attempt))
            self._sleep(wait)
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    def _ask(self, url: str, headers: Mapping[str, str], internal: bool, limit: int) -> _Answer:
        if self._closed.is_set():
            raise FetchFailed("Fetching was stopped. What was known is kept.")
        host = split_address(url).hostname or ""
        check_address(url, internal=internal)
        with _told(host), self._request(url, headers, internal) as response:
            wanted = response.status_code in {OK, NOT_MODIFIED}  # reading to the end lets the connection be used again
            body = self._read(response, host, limit) if wanted else b""
            return _Answer(response.status_code, response.headers, body)

    def _request(self, url: str, headers: Mapping[str, str], internal: bool) -> requests.Response:
        return self._sessions[internal].get(
            url,
            headers={
                "User-Agent": self.agent,
                "Accept": "text/html, text/markdown, text/plain;q=0.9, */*;q=0.5",
                "Accept-Encoding": "gzip, deflate",
                **headers,
            },
            stream=True,
            allow_redirects=False,
            timeout=self._timeout,
        )

    def _read(self, response: requests.Response, host: str, limit: int) -> bytes:
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in UNPACKED:
            raise FetchFailed(f"{host} packs the page in a way that was not asked for ({encoding[:20]}).")
        if _declared(response) > limit:
            raise too_large(limit)
        raw: Any = response.raw
        body = bytearray()
        with cut_after(self._seconds, raw.shutdown) as late:
            try:
                for piece in raw.stream(PIECE, decode_content=True):
                    body += piece
                    if len(body) > limit or raw.tell() > limit:
                        raise too_large(limit, packed=raw.tell() <= limit and bool(encoding))
            except urllib3.exceptions.HTTPError as error:
                if not late.is_set():
                    raise of_error(error, host) from error
        if late.is_set():
            raise too_slow(host, self._seconds)
        return bytes(body)


@contextmanager
def _told(host: str) -> Generator[None]:
    """Errors of the libraries leave as sentences."""
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise of_error(error, host) from error


def _led_to(address: str, target: str) -> str:
    """Where a redirect leads. Sites send spaces and bytes in its header that an address has not."""
    try:
        sent = target.encode("latin-1").decode(errors="replace")
        return requote_uri(urljoin(address, sent.strip())).partition("#")[0]
    except (ValueError, requests.RequestException) as error:
        raise FetchFailed("The page redirects to what is no web address.", detail=target[:300]) from error


def _declared(response: requests.Response) -> int:
    value = response.headers.get("Content-Length", "").strip()
    return int(value[:18]) if value.isascii() and value.isdigit() else 0


def _content_type(header: str) -> tuple[str, str]:
    """The media type and the charset of a Content-Type header, either of them possibly empty."""
    media_type, *parameters = header.split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return media_type.strip().lower(), value.strip().strip("\"'").lower()
    return media_type.strip().lower(), ""
