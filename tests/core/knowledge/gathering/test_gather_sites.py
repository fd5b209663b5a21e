"""Looking at web sites: single pages, sitemaps and llms.txt, and what a refresh finds there."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.domain.knowledge import Look, Page, PageNews, PageStatus, Source, SourceKind
from core.errors import AddressRefused, FetchFailed
from core.knowledge.gathering.fetch import Fetcher
from core.knowledge.gathering.gather import Gatherer, Note
from tests.emulators.site import Site

CHECKED = datetime(2026, 11, 10, 12, tzinfo=UTC)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().open() as opened:
        yield opened


@pytest.fixture
def gatherer(tmp_path: Path) -> Iterator[Gatherer]:
    fetcher = Fetcher(gap=0, sleep=lambda _: None)
    yield Gatherer(fetcher, tmp_path / "repositories")
    fetcher.close()


def source(kind: SourceKind, location: str, **others: Any) -> Source:
    return Source("docs", kind, location, **{"product": "Tool", "internal": True, **others})


def article(title: str) -> str:
    words = "A tool runs the pipeline of a model from its data to its registry, one step after the other. "
    return (
        f"<!doctype html><html lang=en><head><title>{title}</title></head><body><main><article><h1>{title}</h1>"
        f"<p>{words * 3}</p><p>{words[::1] * 2}</p></article></main></body></html>"
    )


def look(gatherer: Gatherer, at: Source, known: dict[str, Page] | None = None) -> list[PageNews]:
    return [item for item in gatherer.look(at, known or {}) if isinstance(item, PageNews)]


def notes(gatherer: Gatherer, at: Source) -> list[str]:
    return [item.said for item in gatherer.look(at, {}) if isinstance(item, Note)]


def page(news: PageNews, **others: Any) -> Page:
    return Page(
        news.location,
        news.path,
        **{
            "status": PageStatus.LIVE,
            "etag": news.etag,
            "last_modified": news.last_modified,
            "raw_hash": news.raw_hash,
            "checked_at": CHECKED,
            **others,
        },
    )


def urlset(*entries: str) -> str:
    urls = "".join(f"<url><loc>{entry}</loc></url>" for entry in entries)
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'


def index(*entries: str) -> str:
    maps = "".join(f"<sitemap><loc>{entry}</loc></sitemap>" for entry in entries)
    return f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{maps}</sitemapindex>'


def test_pages_of_a_site_become_documents(site: Site, gatherer: Gatherer) -> None:
    first = site.put("/guide/run?v=2", article("Run it"), ETag='"1"')
    second = site.put("/stop", article("Stop it"))
    run, stop = look(gatherer, source(SourceKind.PAGE, f"{first}#top\n  {second}"))
    assert (run.look, run.location, run.etag) == (Look.FRESH, first, '"1"')
    assert run.path == f"docs/127.0.0.1:{site.port}/guide/run?v=2"
    assert run.document
    assert (run.document.title, run.document.product, run.document.address) == ("Run it", "Tool", first)
    assert (run.document.source, run.document.reference) == ("docs", "")
    assert stop.document


def test_unchanged_page_is_not_sent_and_not_read(site: Site, gatherer: Gatherer) -> None:
    at = source(SourceKind.PAGE, site.put("/a", article("Run it"), ETag='"1"'))
    [fresh] = look(gatherer, at)
    [again] = look(gatherer, at, {fresh.location: page(fresh)})
    assert (again.look, again.etag, again.raw_hash) == (Look.UNCHANGED, '"1"', fresh.raw_hash)
    assert site.requests[-1].headers["If-None-Match"] == '"1"'


def test_page_of_a_site_without_validators_is_compared(site: Site, gatherer: Gatherer) -> None:
    at = source(SourceKind.PAGE, site.put("/a", article("Run it")))
    [fresh] = look(gatherer, at)
    known = {fresh.location: page(fresh)}
    assert [news.look for news in look(gatherer, at, known)] == [Look.UNCHANGED]
    site.put("/a", article("Run it well"))
    assert [news.look for news in look(gatherer, at, known)] == [Look.FRESH]


@pytest.mark.parametrize("status", [404, 410])
def test_page_that_disappears_is_gone_and_may_come_back(site: Site, gatherer: Gatherer, status: int) -> None:
    at = source(SourceKind.PAGE, site.put("/a", article("Run it"), ETag='"1"'))
    [fresh] = look(gatherer, at)
    site.put("/a", "away", status=status)
    [gone] = look(gatherer, at, {fresh.location: page(fresh)})
    assert (gone.look, gone.path, str(status) in gone.reason) == (Look.GONE, fresh.path, True)
    site.put("/a", article("Run it"), ETag='"1"')
    [back] = look(gatherer, at, {fresh.location: page(fresh, status=PageStatus.GONE)})
    assert back.look is Look.FRESH


def test_one_failing_page_fails_alone(site: Site, gatherer: Gatherer) -> None:
    urls = [site.put("/a", status=500), site.redirect("/b", "/b"), site.put("/c", article("Run it"))]
    site.put("/robots.txt", "User-agent: *\nDisallow: /d\n")
    news = look(gatherer, source(SourceKind.PAGE, " ".join([*urls, f"{site.url}/d", "http://169.254.169.254/x"])))
    assert [item.look for item in news] == [Look.FAILED, Look.FAILED, Look.FRESH, Look.FAILED, Look.FAILED]
    assert all(item.reason.endswith((".", ")")) for item in news if item.look is Look.FAILED)


def test_site_that_is_down_is_not_asked_for_every_page(site: Site, gatherer: Gatherer) -> None:
    urls = [site.put(f"/{number}", status=503) for number in range(14)]
    news = look(gatherer, source(SourceKind.PAGE, " ".join(urls)))
    assert [item.look for item in news] == [Look.FAILED] * 14
    assert len(set(site.asked)) == 10
    assert "not tried, since the 10 pages before it failed" in news[-1].reason


def test_canonical_address_counts_on_the_own_host_alone(site: Site, gatherer: Gatherer) -> None:
    def canonical(to: str) -> str:
        return article("Run it").replace("</head>", f'<link rel="canonical" href="{to}"></head>')

    own = site.put("/a?from=menu", canonical(f"{site.url}/a"))
    foreign = site.put("/b", canonical("https://elsewhere.example/b"))
    news = look(gatherer, source(SourceKind.PAGE, f"{own} {foreign}"))
    assert [item.document.address for item in news if item.document] == [f"{site.url}/a", foreign]


def test_document_takes_the_address_that_redirects_lead_to(site: Site, gatherer: Gatherer) -> None:
    new = site.put("/new", article("Run it"))
    [news] = look(gatherer, source(SourceKind.PAGE, site.redirect("/old", "/new")))
    assert news.document
    assert (news.location, news.document.address) == (f"{site.url}/old", new)


def test_foreign_page_cannot_claim_another_product(site: Site, gatherer: Gatherer) -> None:
    raw = "---\ntitle: Run it\nproduct: Bank\nreference: javascript:alert(1)\n---\nThe pipeline runs step by step.\n"
    [news] = look(gatherer, source(SourceKind.PAGE, site.put("/run.md", raw, Content_Type="text/markdown")))
    assert news.document
    assert (news.document.title, news.document.product, news.document.reference) == ("Run it", "Tool", "")


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "docs.example/page"])
def test_location_that_is_no_address_is_told(gatherer: Gatherer, location: str) -> None:
    with pytest.raises(FetchFailed):
        look(gatherer, source(SourceKind.PAGE, location))


def test_sitemap_lists_its_pages(site: Site, gatherer: Gatherer) -> None:
    urls = [site.put("/a", article("Run it")), site.put("/b", article("Stop it"))]
    at = source(SourceKind.SITEMAP, site.put("/sitemap.xml", urlset(*urls, urls[0])))
    assert [item.location for item in look(gatherer, at)] == urls
    assert gatherer.check(at).startswith("2 pages; the first is “Run it”, ")


def test_page_that_left_the_sitemap_is_gone(site: Site, gatherer: Gatherer) -> None:
    urls = [site.put("/a", article("Run it")), site.put("/b", article("Stop it"))]
    at = source(SourceKind.SITEMAP, site.put("/sitemap.xml", urlset(*urls)))
    known = {news.location: page(news) for news in look(gatherer, at)}
    site.put("/sitemap.xml", urlset(urls[0]))
    assert {news.location: news.look for news in look(gatherer, at, known)} == {
        urls[0]: Look.UNCHANGED,
        urls[1]: Look.GONE,
    }


def test_sitemaps_are_followed_to_the_third_level(site: Site, gatherer: Gatherer) -> None:
    url = site.put("/a", article("Run it"))
    packed = site.put("/3.xml.gz", gzip.compress(urlset(url).encode()), Content_Type="application/x-gzip")
    top = site.put("/1.xml", index(site.put("/2.xml", index(packed, f"{site.url}/1.xml"))))
    assert [item.location for item in look(gatherer, source(SourceKind.SITEMAP, top))] == [url]
    above = source(SourceKind.SITEMAP, site.put("/0.xml", index(top)))
    with pytest.raises(FetchFailed, match="lists no page"):
        look(gatherer, above)


def test_plain_list_of_addresses_is_a_sitemap_too(site: Site, gatherer: Gatherer) -> None:
    url = site.put("/a", article("Run it"))
    at = source(SourceKind.SITEMAP, site.put("/sitemap.txt", f"{url}\n", Content_Type="text/plain"))
    assert [item.location for item in look(gatherer, at)] == [url]


def test_sitemap_with_a_hundred_thousand_pages_is_cut_and_told(site: Site, gatherer: Gatherer) -> None:
    urls = [f"{site.url}/{number}" for number in range(100_000)]
    for number in range(2):
        site.put(f"/{number}", article(f"Page {number}"))
    at = source(SourceKind.SITEMAP, site.put("/sitemap.xml", urlset(*urls)), max_pages=2)
    items = list(gatherer.look(at, {}))
    assert [item.location for item in items if isinstance(item, PageNews)] == urls[:2]
    assert [item.said for item in items if isinstance(item, Note)] == [
        "It lists 100000 pages, and 2 of them are read. Raise the limit or include fewer."
    ]


def test_addresses_on_other_sites_are_left_out_and_told(site: Site, gatherer: Gatherer) -> None:
    url = site.put("/a", article("Run it"))
    others = ("https://elsewhere.example/a", "file:///etc/passwd", "http://127.0.0.1:1/a")
    at = source(SourceKind.SITEMAP, site.put("/sitemap.xml", urlset(url, *others)))
    assert [item.location for item in look(gatherer, at)] == [url]
    assert notes(gatherer, at) == ["3 addresses on other sites were left out, such as https://elsewhere.example/a."]


def test_malformed_addresses_are_left_out(site: Site, gatherer: Gatherer) -> None:
    url = site.put("/a", article("Run it"))
    at = source(
        SourceKind.SITEMAP, site.put("/sitemap.xml", urlset("http://[broken/", "no address", url, "http://x:y/"))
    )
    assert [item.location for item in look(gatherer, at)] == [url]


def test_list_that_moved_to_another_host_speaks_for_that_host(site: Site, gatherer: Gatherer) -> None:
    with Site().open() as moved:
        url = moved.put("/a", article("Run it"))
        to = moved.put("/sitemap.xml", urlset(url))
        at = source(SourceKind.SITEMAP, site.redirect("/sitemap.xml", to))
        assert [item.location for item in look(gatherer, at)] == [url]


def test_list_of_foreign_addresses_alone_is_a_failure_that_says_so(site: Site, gatherer: Gatherer) -> None:
    at = source(SourceKind.SITEMAP, site.put("/sitemap.xml", urlset("https://elsewhere.example/a")))
    with pytest.raises(FetchFailed, match=r"it lists no page.* 1 addresses on other sites were left out"):
        look(gatherer, at)


def test_only_included_addresses_are_fetched(site: Site, gatherer: Gatherer) -> None:
    urls = [site.put("/docs/a", article("Run it")), site.put("/blog/a", article("News"))]
    at = source(SourceKind.SITEMAP, site.put("/sitemap.xml", urlset(*urls)), include=("*/docs/*",))
    assert [item.location for item in look(gatherer, at)] == urls[:1]
    assert "/blog/a" not in site.asked


@pytest.mark.parametrize(
    ("lastmod", "fetched"),
    [
        ("2026-11-10T11:59:59Z", False),
        ("2026-11-10T12:30:00+01:00", False),
        ("2026-11-10T12:00:01Z", True),
        ("2026-11-08", False),
        ("2026-11-10", True),
        ("yesterday", True),
        ("", True),
    ],
)
def test_page_that_the_sitemap_calls_old_is_not_fetched(
    site: Site, gatherer: Gatherer, lastmod: str, fetched: bool
) -> None:
    url = site.put("/a", article("Run it"))
    listed = urlset(url).replace("</url>", f"<lastmod>{lastmod}</lastmod></url>")
    at = source(SourceKind.SITEMAP, site.put("/sitemap.xml", listed))
    [fresh] = look(gatherer, at)
    site.requests.clear()
    [again] = look(gatherer, at, {url: page(fresh)})
    assert (again.look, again.raw_hash) == (Look.UNCHANGED, fresh.raw_hash)
    assert ("/a" in site.asked) is fetched
    look(gatherer, at, {url: page(fresh, status=PageStatus.FAILED)})
    assert "/a" in site.asked


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (BOMB, "document type"),
        ('<!DOCTYPE u SYSTEM "file:///etc/passwd"><urlset/>', "document type"),
        ("<html><body>Sign in</body></html>", "not a sitemap"),
        ("<urlset><url>", "not well-formed"),
        ("", "not well-formed"),
        (urlset(), "lists no page"),
        (gzip.compress(b"<urlset/>")[:-12], "not well-formed|lists no page|unpacked"),
        (gzip.compress(bytes(65 * 2**20)), "unpacks to more than the limit"),
    ],
    ids=["bomb", "outside", "web page", "cut", "empty", "no pages", "cut gzip", "gzip bomb"],
)
def test_sitemap_that_cannot_be_read_is_told(site: Site, gatherer: Gatherer, body: str | bytes, said: str) -> None:
    at = source(SourceKind.SITEMAP, site.put("/sitemap.xml", body))
    with pytest.raises(FetchFailed, match=said):
        look(gatherer, at, {f"{site.url}/a": Page(f"{site.url}/a", "docs/a", PageStatus.LIVE)})


@pytest.mark.parametrize("kind", [SourceKind.SITEMAP, SourceKind.LLMS_TXT])
@pytest.mark.parametrize("status", [404, 500, 503])
def test_list_that_is_down_is_a_failure_and_no_page_is_gone(
    site: Site, gatherer: Gatherer, kind: SourceKind, status: int
) -> None:
    at = source(kind, site.put("/list", status=status))
    with pytest.raises(FetchFailed, match=r"The list of pages, .*/list, could not be read: .* is kept\."):
        look(gatherer, at, {f"{site.url}/a": Page(f"{site.url}/a", "docs/a", PageStatus.LIVE)})


def test_list_at_a_private_address_needs_an_internal_source(site: Site, gatherer: Gatherer) -> None:
    at = source(SourceKind.SITEMAP, f"{site.url}/sitemap.xml", internal=False)
    with pytest.raises(AddressRefused, match="internal"):
        look(gatherer, at)


def test_llms_txt_lists_its_links(site: Site, gatherer: Gatherer) -> None:
    site.put("/docs/run.md", "# Run it\n\nThe pipeline runs one step after the other.", Content_Type="text/markdown")
    stop = site.put("/stop", article("Stop it"))
    text = (
        "# Tool\n\n> What it does\n\n## Docs\n\n- [Run `a[0]`](docs/run.md#start): how\n- [Run again](docs/run.md)\n"
        f"- [Stop [now]](<{stop}>)\n- [Mail](mailto:us@example.org)\n- [Blog](https://elsewhere.example/)\n"
    )
    at = source(SourceKind.LLMS_TXT, site.put("/llms.txt", text, Content_Type="text/plain"))
    assert [(item.location, item.look) for item in look(gatherer, at)] == [
        (f"{site.url}/docs/run.md", Look.FRESH),
        (stop, Look.FRESH),
    ]
    assert notes(gatherer, at)[0].startswith("1 addresses on other sites were left out")


@pytest.mark.parametrize(
    ("body", "said"), [("# Tool\n\nNo links.", "lists no page"), ("<!DOCTYPE html><html>", "a web page instead")]
)
def test_llms_txt_without_links_is_a_failure(site: Site, gatherer: Gatherer, body: str, said: str) -> None:
    with pytest.raises(FetchFailed, match=said):
        look(gatherer, source(SourceKind.LLMS_TXT, site.put("/llms.txt", body)))


def test_source_removed_while_it_is_fetched_asks_for_nothing_more(site: Site, gatherer: Gatherer) -> None:
    urls = [site.put(f"/{number}", article(f"Page {number}")) for number in range(5)]
    items = gatherer.look(source(SourceKind.PAGE, " ".join(urls)), {})
    for item in items:
        if isinstance(item, PageNews):
            items.close()
    assert site.asked == ["/0"]
