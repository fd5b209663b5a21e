import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.components.prose import is_web_address, safe_html
from core.knowledge.index.chunk import anchor

HARMLESS = {
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "a", "em", "strong", "s", "code", "pre", "span", "ul", "ol", "li",
    "blockquote", "hr", "br", "table", "thead", "tbody", "tr", "th", "td", "div",
}  # fmt: skip
PLAIN = {"href", "class", "id", "target", "rel", "title", "style", "start", "aria-label", "tabindex"}

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox)",
    "<javascript:alert(1)>",
    '[x](https://a.example "onmouseover=\\"alert(1)")',
    "![x](https://evil.example/beacon.png)",
    "![x](javascript:alert(1))",
    '<a href="https://a.example" onclick="alert(1)">x</a>',
    "<style>*{display:none}</style><form action=https://evil.example><input name=password>",
    '```"><script>alert(1)</script>\ncode\n```',
    "```html\n<script>alert(1)</script>\n```",
    "| a |\n|---|\n| <svg onload=alert(1)> |",
    '# "><script>alert(1)</script>',
    "[1]: javascript:alert(1)\n\n[1]",
    "<!-- --><iframe src=//evil.example></iframe>",
]


class Found(HTMLParser):
    """The tags and attributes of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs


def assert_harmless(html: str) -> None:
    found = Found(html)
    assert found.tags <= HARMLESS
    assert {name for name, _ in found.attributes} <= PLAIN
    for name, value in found.attributes:
        if name == "href":
            assert not re.match(r"\s*(javascript|vbscript|data|file):", value or "", re.IGNORECASE)
        if name == "style":
            assert re.fullmatch(r"text-align:(left|center|right)", value or "")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_becomes_harmless(text: str) -> None:
    assert_harmless(safe_html(text, {1: "javascript:alert(1)"}, anchors=True))


@given(st.lists(st.sampled_from([*HOSTILE, "\n", "`", "```", "[", "](", ")", "<", ">", '"', "*", "[1]", "a", "&"])))
def test_mixtures_of_hostile_markdown_stay_harmless(pieces: list[str]) -> None:
    assert_harmless(safe_html("".join(pieces), {1: 'https://a.example/"><script>'}, anchors=True))


def test_numbers_in_brackets_lead_to_the_sources_but_not_in_code() -> None:
    html = safe_html("See [1], [2] and `rows[1]`.", {1: "/admin/knowledge/a.md#b"})

    assert '<a class="cite" href="/admin/knowledge/a.md#b" aria-label="Source 1">1</a>' in html
    assert "[2]" in html
    assert "<code>rows[1]</code>" in html


def test_headings_get_the_anchors_that_passages_link_to() -> None:
    heading = "Add a remote on `S3`, again"

    assert f'id="{anchor(heading)}"' in safe_html(f"## {heading}", anchors=True)
    assert "id=" not in safe_html(f"## {heading}")


def test_links_to_other_sites_open_elsewhere_and_tell_them_nothing() -> None:
    assert 'target="_blank" rel="noopener noreferrer"' in safe_html("[a](https://a.example)")
    assert "target" not in safe_html("[a](../docker/page.md)")


def test_code_is_coloured_and_unknown_languages_are_shown_plain() -> None:
    assert '<span class="k">def</span>' in safe_html("```python\ndef f(): ...\n```")
    assert "<b>" not in safe_html("```klingon\n<b>\n```")


@pytest.mark.parametrize("address", ["javascript:x", "//evil.example", "/\\evil.example", "data:x", "", "evil"])
def test_only_pages_and_web_addresses_are_linked(address: str) -> None:
    assert not is_web_address(address)
