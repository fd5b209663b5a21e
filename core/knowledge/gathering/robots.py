"""Honours robots.txt: asked for once a site and kept for a while.

Comes in: an address. Goes out: the seconds that the site wants between requests, or FetchFailed when it does not want
the page read. Called by the fetcher, which lends its way of fetching.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from protego import Protego

from core.errors import FetchFailed, PageGone

KEPT_SECONDS = 600
KEPT_SECONDS_AFTER_FAILURE = 60
LONGEST_DELAY = 10.0
"""Sites that ask for minutes between requests mean the crawlers of search engines."""


@dataclass(frozen=True)
class _Rules:
    parsed: Protego
    until: float
    failure: FetchFailed | None = None


class Robots:
    """The robots.txt of every site that was asked. `read` gives its bytes or raises FetchFailed."""

    def __init__(self, agent: str, read: Callable[[str, bool], bytes], clock: Callable[[], float]) -> None:
        self._agent = agent
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._rules: dict[tuple[str, bool], _Rules] = {}

    def delay(self, address: str, *, internal: bool) -> float:
        """Seconds to leave between requests. Raises FetchFailed when the page must not be read."""
        parts = urlsplit(address)
        rules = self._rules_of(f"{parts.scheme}://{parts.netloc}", internal)
        if rules.failure:
            raise type(rules.failure)(
                f"{parts.hostname} could not be asked what may be read (robots.txt): {rules.failure.said}",
                detail=rules.failure.detail,
            )
        if not rules.parsed.can_fetch(address, self._agent):
            raise FetchFailed(f"{parts.hostname} does not want this page read by programs (robots.txt).")
        return min(LONGEST_DELAY, max(0.0, rules.parsed.crawl_delay(self._agent) or 0.0))

    def _rules_of(self, site: str, internal: bool) -> _Rules:
        with self._lock:
            known = self._rules.get((site, internal))
        if known and known.until > self._clock():
            return known
        rules = self._ask(site, internal)
        with self._lock:
            self._rules[site, internal] = rules
        return rules

    def _ask(self, site: str, internal: bool) -> _Rules:
        try:
            text = self._read(f"{site}/robots.txt", internal).decode("utf-8-sig", errors="replace")
        except PageGone:
            text = ""
        except FetchFailed as error:
            return _Rules(Protego.parse(""), self._clock() + KEPT_SECONDS_AFTER_FAILURE, error)
        return _Rules(Protego.parse(text), self._clock() + KEPT_SECONDS)
