"""Fetching over real connections: validators, bounds, politeness, and a sentence for each failure."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from core.errors import AddressRefused, FetchFailed, PageGone, SiteDown
from core.knowledge.gathering.fetch import Fetcher
from core.version import VERSION
from tests.emulators.site import Answer, Site, bomb

LIMIT = 100_000


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().open() as opened:
        yield opened


@pytest.fixture
def waits() -> list[float]:
    """The waits that were asked for, none of which is waited."""
    return []


@pytest.fixture
def fetcher(waits: list[float]) -> Iterator[Fetcher]:
    made = Fetcher(gap=0, max_bytes=LIMIT, seconds=5, sleep=waits.append)
    yield made
    made.close()


def get(fetcher: Fetcher, url: str, **known: Any) -> Any:
    return fetcher.get(url, internal=True, **known)


def test_page_comes_with_its_type_validators_and_address(site: Site, fetcher: Fetcher) -> None:
    url = site.put("/a?b=1", "<p>Wörter</p>", ETag='"1"', Last_Modified="Mon, 02 Nov 2026 10:00:00 GMT")
    reply = get(fetcher, f"{url}#part")
    assert (reply.address, reply.body.decode()) == (url, "<p>Wörter</p>")
    assert (reply.media_type, reply.charset) == ("text/html", "utf-8")
    assert (reply.etag, reply.last_modified) == ('"1"', "Mon, 02 Nov 2026 10:00:00 GMT")
    assert not reply.unchanged


def test_known_copy_is_not_sent_again(site: Site, fetcher: Fetcher) -> None:
    url = site.put("/a", "text", ETag='"1"')
    reply = get(fetcher, url, etag='"1"', last_modified="Mon, 02 Nov 2026 10:00:00 GMT")
    assert (reply.unchanged, reply.body, reply.etag) == (True, b"", '"1"')
    assert site.requests[-1].headers["If-Modified-Since"] == "Mon, 02 Nov 2026 10:00:00 GMT"
    site.put("/a", "other", ETag='"2"')
    assert get(fetcher, url, etag='"1"').body == b"other"


def test_connection_is_used_again_after_an_unchanged_page(site: Site, fetcher: Fetcher) -> None:
    url = site.put("/a", "text", ETag='"1"')
    for _ in range(3):
        get(fetcher, url, etag='"1"')
    pools = fetcher._sessions[True].get_adapter("http://").poolmanager.pools
    assert [pools[key].num_connections for key in pools.keys()] == [1]  # noqa: SIM118 - no mapping


def test_we_say_who_we_are(site: Site) -> None:
    url = site.put("/a", "text")
    get(Fetcher(gap=0, contact="https://assistant.example/about"), url)
    agents = {request.headers["User-Agent"] for request in site.requests}
    assert agents == {f"mlops-assistant/{VERSION} (+https://assistant.example/about)"}


def test_site_cannot_set_a_cookie(site: Site, fetcher: Fetcher) -> None:
    url = site.put("/a", "text", Set_Cookie="id=1; Path=/")
    get(fetcher, url)
    get(fetcher, url)
    assert all("Cookie" not in request.headers for request in site.requests)


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (404, PageGone, r"does not exist \(404\)"),
        (410, PageGone, r"removed for good \(410\)"),
        (401, FetchFailed, r"wants a login"),
        (403, FetchFailed, r"refuses to give this page"),
        (418, FetchFailed, r"status 418"),
        (204, FetchFailed, r"status 204"),
        (304, FetchFailed, r"status 304"),
        (500, FetchFailed, r"failed to make this page \(500\)"),
        (429, SiteDown, r"fewer requests \(429\)"),
        (503, SiteDown, r"out of order just now \(503\)"),
    ],
)
def test_status_without_a_page_is_a_sentence(
    site: Site, fetcher: Fetcher, status: int, kind: type[FetchFailed], said: str
) -> None:
    with pytest.raises(kind, match=said):
        get(fetcher, site.put("/a", status=status))


def test_site_that_recovers_is_asked_again_after_longer_waits(site: Site, fetcher: Fetcher, waits: list[float]) -> None:
    site.pages["/a"] = [Answer(status=503), Answer(hang_up=True), Answer(b"text")]
    assert get(fetcher, f"{site.url}/a").body == b"text"
    first, second = waits
    assert 0.5 <= first <= 1 <= second <= 2


def test_asked_wait_is_kept(site: Site, fetcher: Fetcher, waits: list[float]) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    site.pages["/a"] = [
        Answer(status=429, headers={"Retry-After": "17"}),
        Answer(status=429, headers={"Retry-After": soon}),
        Answer(b"text"),
    ]
    get(fetcher, f"{site.url}/a")
    assert waits[0] == 17
    assert 30 < waits[1] <= 40


def test_wait_of_an_hour_is_left_to_the_next_refresh(site: Site, fetcher: Fetcher, waits: list[float]) -> None:
    with pytest.raises(SiteDown, match="429"):
        get(fetcher, site.put("/a", status=429, Retry_After="3600"))
    assert waits == []
    assert site.asked == ["/a"]


def test_redirect_is_followed_to_the_final_address(site: Site, fetcher: Fetcher) -> None:
    site.put("/c", "text")
    site.redirect("/b", f"{site.url}/c#part", 308)
    assert get(fetcher, site.redirect("/a", "b")).address == f"{site.url}/c"


def test_circle_of_redirects_is_told(site: Site, fetcher: Fetcher) -> None:
    site.redirect("/b", "/a")
    with pytest.raises(FetchFailed, match="redirects in a circle"):
        get(fetcher, site.redirect("/a", "/b"))
    assert site.asked == ["/a", "/b"]


def test_endless_redirects_are_given_up(site: Site, fetcher: Fetcher) -> None:
    for number in range(9):
        site.redirect(f"/{number}", f"/{number + 1}")
    with pytest.raises(FetchFailed, match="more than 5 times"):
        get(fetcher, f"{site.url}/0")
    assert len(site.asked) == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://169.254.169.254/latest/", "//user:pw@127.0.0.1/"])
def test_redirect_to_where_nothing_is_fetched_is_refused(site: Site, fetcher: Fetcher, target: str) -> None:
    with pytest.raises(AddressRefused):
        get(fetcher, site.redirect("/a", target))


def test_redirect_with_spaces_and_bytes_is_followed(site: Site, fetcher: Fetcher) -> None:
    site.put("/a%20b/%C3%BC", "text")
    raw = "/a b/ü".encode().decode("latin-1")
    assert get(fetcher, site.redirect("/a", raw)).address == f"{site.url}/a%20b/%C3%BC"


def test_body_of_a_redirect_is_not_read(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = Answer(status=302, headers={"Location": "/b"}, pieces=repeat(b"x" * 10_000))
    site.put("/b", "text")
    assert get(fetcher, f"{site.url}/a").body == b"text"


def test_redirect_to_no_address_is_told(site: Site, fetcher: Fetcher) -> None:
    with pytest.raises(FetchFailed, match="no web address"):
        get(fetcher, site.redirect("/a", "http://[broken/"))


def test_private_address_needs_an_internal_source(site: Site, fetcher: Fetcher) -> None:
    with pytest.raises(AddressRefused, match="internal"):
        fetcher.get(site.put("/a", "text"))
    assert site.requests == []


def test_declared_size_over_the_limit_is_not_read(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = Answer(b"x", declared=2 * 2**30)
    with pytest.raises(FetchFailed, match="larger than the limit of 98 KB"):
        get(fetcher, f"{site.url}/a")


def test_size_over_the_limit_without_a_declaration_ends_the_reading(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = Answer(pieces=repeat(b"x" * 10_000))
    with pytest.raises(FetchFailed, match="larger than the limit"):
        get(fetcher, f"{site.url}/a")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_bomb_is_not_unpacked(site: Site, fetcher: Fetcher, encoding: str) -> None:
    url = site.put("/a", bomb(20 * 2**20, encoding), Content_Encoding=encoding)
    with pytest.raises(FetchFailed, match="unpacks to more than the limit"):
        get(fetcher, url)


def test_packed_page_is_unpacked(site: Site, fetcher: Fetcher) -> None:
    assert get(fetcher, site.put("/a", bomb(1000), Content_Encoding="gzip")).body == bytes(1000)


@pytest.mark.parametrize(("encoding", "said"), [("br", "not asked for"), ("gzip", "cannot be unpacked")])
def test_page_that_cannot_be_unpacked_is_told(site: Site, fetcher: Fetcher, encoding: str, said: str) -> None:
    with pytest.raises(FetchFailed, match=said):
        get(fetcher, site.put("/a", "plain text", Content_Encoding=encoding))


def test_page_that_drips_is_cut_off(site: Site) -> None:
    site.pages["/a"] = Answer(drip=True)
    with pytest.raises(FetchFailed, match=r"did not send the whole page within 0\.3 seconds"):
        get(Fetcher(gap=0, seconds=0.3), f"{site.url}/a")


def test_page_shorter_than_declared_is_told(site: Site, fetcher: Fetcher) -> None:
    site.pages["/a"] = Answer(b"x", declared=50, headers={"Connection": "close"})
    with pytest.raises(SiteDown, match="broke before the page was complete"):
        get(fetcher, f"{site.url}/a")


def test_silent_site_is_told(site: Site, waits: list[float]) -> None:
    site.pages["/robots.txt"] = Answer(b"")
    site.pages["/a"] = Answer(pieces=(site.stopped.wait(5) and b"" for _ in range(1)))
    fetcher = Fetcher(gap=0, tries=1, timeout=(5, 0.2), sleep=waits.append)
    with pytest.raises(SiteDown, match="did not answer in time"):
        get(fetcher, f"{site.url}/a")


def test_closed_port_is_told(fetcher: Fetcher) -> None:
    with Site().open() as gone:
        pass
    with pytest.raises(SiteDown, match="refuses the connection"):
        get(fetcher, f"{gone.url}/a")


def test_certificate_that_nobody_vouches_for_is_told(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    files = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request.split(), *files], check=True, capture_output=True)  # noqa: S603
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    site.secure(context)
    site.put("/a", "text")
    with pytest.raises(FetchFailed, match="certificate of localhost is not valid: self-signed"):
        get(fetcher, f"https://localhost:{site.port}/a")
    trusting = Fetcher(gap=0, ca_file=str(certificate))
    assert get(trusting, f"https://localhost:{site.port}/a").body == b"text"
    with pytest.raises(FetchFailed, match=r"certificate of 127\.0\.0\.1 is not valid"):
        get(trusting, f"https://127.0.0.1:{site.port}/a")


def test_page_that_robots_txt_excludes_is_not_read(site: Site, fetcher: Fetcher) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /\n\nUser-agent: mlops-assistant\nDisallow: /private\n")
    site.put("/open", "text")
    assert get(fetcher, f"{site.url}/open").body == b"text"
    with pytest.raises(FetchFailed, match=r"does not want this page read by programs \(robots\.txt\)"):
        get(fetcher, f"{site.url}/private/a")
    assert [request.path for request in site.requests] == ["/robots.txt", "/open"]


def test_redirect_into_what_robots_txt_excludes_is_not_followed(site: Site, fetcher: Fetcher) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /private\n")
    with pytest.raises(FetchFailed, match=r"robots\.txt"):
        get(fetcher, site.redirect("/a", "/private/a"))
    assert site.asked == ["/a"]


@pytest.mark.parametrize("status", [404, 403, 410])
def test_site_without_robots_txt_may_be_read(site: Site, fetcher: Fetcher, status: int) -> None:
    site.put("/robots.txt", status=status)
    assert get(fetcher, site.put("/a", "text")).body == b"text"


@pytest.mark.parametrize(
    ("robots", "kind"),
    [(Answer(status=503), SiteDown), (Answer(status=500), FetchFailed), (Answer(b"#" * 2**21), FetchFailed)],
)
def test_robots_txt_that_cannot_be_read_refuses_for_now(
    site: Site, fetcher: Fetcher, robots: Answer, kind: type[FetchFailed]
) -> None:
    site.pages["/robots.txt"] = robots
    url = site.put("/a", "text")
    for _ in range(2):
        with pytest.raises(kind, match=r"could not be asked what may be read \(robots\.txt\)"):
            get(fetcher, url)
    assert site.asked == []


def test_robots_txt_is_read_again_after_a_while(site: Site) -> None:
    now = [0.0]
    fetcher = Fetcher(gap=0, clock=lambda: now[0])
    url = site.put("/a", "text")
    get(fetcher, url)
    get(fetcher, url)
    now[0] = 601
    get(fetcher, url)
    assert [request.path for request in site.requests].count("/robots.txt") == 2


@pytest.mark.parametrize(("asked", "kept"), [("3", 3), ("900", 10)])
def test_delay_that_a_site_asks_for_is_kept_up_to_a_bound(site: Site, asked: str, kept: float) -> None:
    waits: list[float] = []
    fetcher = Fetcher(gap=0, clock=lambda: 100.0, sleep=waits.append)
    site.put("/robots.txt", f"User-agent: *\nCrawl-delay: {asked}\n")
    url = site.put("/a", "text")
    get(fetcher, url)
    get(fetcher, url)
    assert waits == [kept]


def test_gap_lies_between_requests_to_one_host_alone(site: Site) -> None:
    waits: list[float] = []
    fetcher = Fetcher(gap=2, clock=lambda: 100.0, sleep=waits.append)
    with Site().open() as other:
        get(fetcher, site.put("/a", "text"))
        get(fetcher, other.put("/a", "text"))
    assert waits == [2, 2]  # each after its own robots.txt


def test_host_is_asked_one_request_at_a_time(site: Site, fetcher: Fetcher) -> None:
    at_once, most = [0], [0]
    lock = threading.Lock()

    def counted() -> Iterator[bytes]:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        yield b"text"
        with lock:
            at_once[0] -= 1

    urls = [f"{site.url}/{number}" for number in range(8)]
    for number in range(8):
        site.pages[f"/{number}"] = Answer(pieces=counted())
    with ThreadPoolExecutor(4) as threads:
        assert {reply.body for reply in threads.map(lambda url: get(fetcher, url), urls)} == {b"text"}
    assert most == [1]


def test_closing_ends_a_wait(site: Site) -> None:
    fetcher = Fetcher(gap=0)
    url = site.put("/a", status=503, Retry_After="50")
    with ThreadPoolExecutor(1) as threads:
        failing = threads.submit(get, fetcher, url)
        fetcher.close()
        with pytest.raises(FetchFailed, match=r"stopped|503"):
            failing.result(timeout=20)
