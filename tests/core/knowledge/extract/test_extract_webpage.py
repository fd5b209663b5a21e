# ruff: noqa: E501, ISC004 - the markup of real sites is wide
"""Web pages as different site generators serve them, and what of them is kept."""

import html
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from core.errors import Unreadable
from core.knowledge.extract import Extracted, extract

CORPUS = Path(__file__).resolve().parents[5] / "shared" / "corpus"
PROSE = "Deploying a model means giving it a stable address and enough memory. " * 6
CODE = 'def predict(rows):\n\n    """Scores."""\n    return [model(row) for row in rows]'
BODY = (
    '<h1 id="deploy">Deploy a model<a class="headerlink" href="#deploy">¶</a></h1>'
    f"<p>{PROSE}</p><pre><code>{html.escape(CODE)}</code></pre><h2>Next</h2><p>Read <a href='../scale'>how to scale</a>.</p>"
)
MENU = "".join(f'<li><a href="/p{number}">Page number {number} of the site</a></li>' for number in range(40))


def page(body: str, head: str = "", **said: str) -> Extracted:
    document = f"<!doctype html><html lang='en-US'><head>{head}</head><body>{body}</body></html>"
    return extract(document.encode(), name="page", media_type="text/html", **said)


def fences(markdown: str) -> list[str]:
    return [token.content for token in MarkdownIt("commonmark").parse(markdown) if token.type == "fence"]


SITES = {
    "docusaurus": (
        f'<div class="announcementBar_x1">Star us</div><nav class="navbar"><a>Home</a></nav><div class="main-wrapper">'
        f'<aside class="theme-doc-sidebar-container"><ul>{MENU}</ul></aside><main class="docMainContainer_gT"><article>'
        f'<nav class="theme-doc-breadcrumbs"><a>Docs</a></nav><span class="theme-doc-version-badge badge"></span>'
        f'<div class="theme-doc-markdown markdown">{BODY}</div><footer class="theme-doc-footer"><a>Edit this page</a>'
        f'</footer></article><div class="tableOfContents_bqdL"><a href="#next">Next</a></div></main></div>'
    ),
    "material": (
        f'<header class="md-header">Search</header><div class="md-container"><main class="md-main"><div class="md-sidebar '
        f'md-sidebar--primary"><ul>{MENU}</ul></div><div class="md-content"><article class="md-content__inner md-typeset">'
        f'<a class="md-content__button md-icon" title="Edit this page" href="e"></a>{BODY}<aside class="md-source-file">'
        f"Last update: May 2, 2026</aside></article></div></main></div><footer class='md-footer'>Made with</footer>"
    ),
    "sphinx, rtd theme": (
        f'<div class="wy-grid-for-nav"><nav class="wy-nav-side">{MENU}</nav><section class="wy-nav-content-wrap">'
        f'<div class="wy-nav-content"><div class="rst-content"><div role="navigation"><ul class="wy-breadcrumbs"><li>Docs'
        f'</li></ul></div><div role="main" class="document"><div itemprop="articleBody"><section id="search">{BODY}</section>'
        f'</div></div><footer><div class="rst-footer-buttons"><a>Next</a></div><p>&copy; 2026 Us.</p></footer></div></div>'
        f"</section></div>"
    ),
    "sphinx, classic": (
        f'<div class="related"><h3>Navigation</h3><ul>{MENU}</ul></div><div class="document"><div class="documentwrapper">'
        f'<div class="bodywrapper"><div class="body" role="main">{BODY}</div></div></div><div class="sphinxsidebar"><h3>'
        f'Table of Contents</h3><ul>{MENU}</ul></div></div><div class="footer">&copy; 2026 Us</div>'
    ),
    "hugo docsy": (
        f'<header><nav class="td-navbar">Docs</nav></header><div class="container-fluid td-outer"><aside class="td-sidebar">'
        f'<ul>{MENU}</ul></aside><main role="main"><div class="td-content">{BODY}<h2 class="feedback--title">Feedback</h2>'
        f'<p class="feedback--question">Was this page helpful?</p><div class="td-page-meta__lastmod">Last modified May 2'
        f"</div></div></main></div>"
    ),
    "next.js with nothing but utility classes": (
        f'<div id="__next"><div class="flex h-16"><a href="/">Home</a></div><div class="flex"><div class="w-64 shrink-0"><ul>'
        f'{MENU}</ul></div><div class="grow px-8"><div class="max-w-2xl">{BODY}</div></div></div></div>'
    ),
    "mintlify": (
        f'<div id="navbar">Search</div><div id="sidebar"><ul>{MENU}</ul></div><div id="content-area"><div class="eyebrow">'
        f'Guides</div><div id="content" class="mdx-content prose">{BODY}</div><div class="feedback-toolbar">Was this page '
        f'helpful?</div></div><div id="table-of-contents"><ul><li><a href="#next">Next</a></li></ul></div>'
    ),
    "github pages": (
        f'<div class="container-lg"><h1><a href="/">Our project</a></h1><div class="markdown-body">{BODY}</div>'
        f'<div class="footer">This site is open source.</div></div>'
    ),
    "gitbook": (
        f'<div class="book"><div class="book-summary"><nav role="navigation"><ul class="summary">{MENU}</ul></nav></div>'
        f'<div class="book-body"><div class="page-wrapper"><div class="page-inner"><section class="normal markdown-section">'
        f"{BODY}</section></div></div></div></div>"
    ),
    "plain, no container at all": f'<table width="100%"><tr><td>{MENU}</td></tr></table>{BODY}<hr><p>Back to top</p>',
}


@pytest.mark.parametrize("site", SITES)
def test_content_of_a_site_is_kept_and_its_frame_is_not(site: str) -> None:
    found = page(SITES[site], head="<title>Deploy a model | Our project</title>")
    assert found.title in {"Deploy a model", "Our project"}
    assert "# Deploy a model\n" in found.text
    assert PROSE.strip() in found.text
    assert [code.rstrip("\n") for code in fences(found.text)] == [CODE]
    assert "## Next" in found.text
    for frame in (
        "Page number 7",
        "Edit this page",
        "helpful",
        "Last ",
        "Star us",
        "2026",
        "Back to top",
        "Guides",
        "¶",
    ):
        assert frame not in found.text


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t `~<&|#>*"), max_size=300))
@settings(max_examples=60, deadline=None)
def test_any_code_comes_out_as_it_went_in(code: str) -> None:
    if not code.strip():
        return
    body = f"<main><p>{PROSE}</p><ul><li>Do<pre>\n{html.escape(code)}</pre></li></ul><pre>\n{html.escape(code)}\n</pre></main>"
    in_list, alone = fences(page(body).text)
    assert alone == code + "\n"
    # an item of a list ends with its last line that says something
    assert [line.rstrip() for line in in_list.rstrip().split("\n")] == [
        line.rstrip() for line in code.rstrip().split("\n")
    ]


def code_of(markup: str) -> str:
    return page(f"<main><p>{PROSE}</p>{markup}</main>").text.removeprefix(PROSE.strip()).strip("\n")


def test_language_is_read_from_the_classes_that_highlighters_use() -> None:
    for markup in (
        '<pre><code class="language-python">x = 1</code></pre>',
        '<div class="highlight-python notranslate"><div class="highlight"><pre>x = 1</pre></div></div>',
        '<div class="highlight highlight-source-python"><pre>x = 1</pre></div>',
        '<pre class="brush: python">x = 1</pre>',
        '<pre data-language="python"><code>x = 1</code></pre>',
        '<div class="sourceCode"><pre class="sourceCode python"><code>x = 1</code></pre></div>',
    ):
        assert code_of(markup) == "```python\nx = 1\n```"


def test_line_numbers_and_copy_buttons_are_no_code() -> None:
    for markup in (
        '<table class="highlighttable"><tr><td class="linenos"><div class="linenodiv"><pre><span class="normal">1</span>\n'
        '<span class="normal">2</span></pre></div></td><td class="code"><pre>a = 1\nb = 2\n</pre></td></tr></table>',
        '<div class="highlight"><table class="lntable"><tr><td class="lntd"><pre><code><span class="lnt">1\n</span>'
        '<span class="lnt">2\n</span></code></pre></td><td class="lntd"><pre><code>a = 1\nb = 2\n</code></pre></td></tr>'
        "</table></div>",
        '<pre><button>Copy</button><code><span class="linenos">1</span>a = 1\n<span class="linenos">2</span>b = 2</code></pre>',
        '<pre><a id="line-1" href="#line-1"></a>a = 1\n<a id="line-2"></a>b = 2<div class="copy-btn">Copy</div></pre>',
        '<div class="line-numbers-mode"><pre><code>a = 1\nb = 2</code></pre><div class="line-numbers-wrapper">'
        '<span class="line-number">1</span><br><span class="line-number">2</span></div></div>',
    ):
        assert fences(code_of(markup)) == ["a = 1\nb = 2\n"]
        assert code_of(markup).count("\n") == 3


def test_lines_that_are_elements_of_their_own_stay_lines() -> None:
    for markup in (
        '<pre><code><span class="token-line">a<br></span><span class="token-line"><br></span><span class="token-line">b<br>'
        "</span></code></pre>",
        '<pre><code><div class="ec-line"><div class="code">a</div></div><div class="ec-line"><div class="code">\n</div></div>'
        '<div class="ec-line"><div class="code">b</div></div></code></pre>',
        '<pre><code><span class="line">a</span>\n<span class="line"></span>\n<span class="line">b</span></code></pre>',
        '<pre><code><span class="line">a</span><span class="line"></span><span class="line">b</span></code></pre>',
        "<code>a<br><br>b</code>",
    ):
        assert fences(code_of(markup)) == ["a\n\nb\n"]


def test_fence_is_longer_than_any_run_of_backticks_in_the_code() -> None:
    assert code_of("<pre>````md\nx\n````</pre>") == "`````\n````md\nx\n````\n`````"


def test_table_keeps_code_pipes_and_spans() -> None:
    rows = (
        "<thead><tr><th>Name</th><th>Meaning</th></tr></thead><tbody>"
        "<tr><td><code>a|b</code></td><td><p>First line</p><p>second <b>line</b></p><ul><li>one</li><li>two</li></ul></td></tr>"
        "<tr><td rowspan='2'>both</td><td>x</td></tr><tr><td>y<br>z</td></tr><tr><td colspan='2'>wide</td></tr>"
        "<tr><td>code</td><td><pre>if x:\n    y()</pre></td></tr></tbody>"
    )
    assert code_of(f"<table><caption>Names</caption>{rows}</table>").split("\n") == [
        "**Names**",
        "",
        "| Name | Meaning |",
        "| --- | --- |",
        "| `a\\|b` | First line<br>second **line**<br>- one<br>- two |",
        "| both | x |",
        "| both | y<br>z |",
        "| wide |  |",
        "| code | `if x:`<br>`    y()` |",
    ]


def test_table_without_a_header_gets_an_empty_one() -> None:
    assert code_of("<table><tr><td>a</td><td>b</td></tr></table>") == "|  |  |\n| --- | --- |\n| a | b |"


def test_spans_that_ask_for_millions_of_cells_are_cut() -> None:
    cell = "<td colspan='99999999' rowspan='99999999'>x</td>"
    assert len(code_of(f"<table><tr>{cell}</tr><tr><td>y</td></tr></table>")) < 2000


def test_tabs_are_all_kept_under_their_names() -> None:
    for markup in (
        '<div><ul role="tablist"><li role="tab">pip</li><li role="tab">conda</li></ul><div><div role="tabpanel">Use pip.</div>'
        '<div role="tabpanel" hidden>Use conda.</div></div></div>',
        '<div class="tabbed-set"><input type="radio"><input type="radio"><div class="tabbed-labels"><label>pip</label><label>'
        'conda</label></div><div class="tabbed-content"><div class="tabbed-block">Use pip.</div><div class="tabbed-block">'
        "Use conda.</div></div></div>",
        '<div class="sd-tab-set"><input><label class="sd-tab-label">pip</label><div class="sd-tab-content">Use pip.</div>'
        '<input><label class="sd-tab-label">conda</label><div class="sd-tab-content">Use conda.</div></div>',
        '<div role="tablist"><button id="t1">pip</button><button id="t2">conda</button></div>'
        '<div role="tabpanel" aria-labelledby="t1">Use pip.</div>'
        '<div role="tabpanel" aria-labelledby="t2" style="display:none">Use conda.</div>',
    ):
        assert code_of(markup) == "**pip**\n\nUse pip.\n\n**conda**\n\nUse conda."


def test_notes_details_definitions_and_pictures_are_kept() -> None:
    markup = (
        '<div class="admonition warning"><p class="admonition-title">Warning</p><p>Back up first.</p></div>'
        "<details><summary>More</summary><p>Hidden words.</p></details>"
        "<dl><dt><code>--force</code></dt><dd>Overwrites.</dd></dl>"
        '<p><img src="/a.png" alt="A drawing"></p><aside class="starlight-aside"><p>Beside.</p></aside>'
    )
    assert code_of(markup).split("\n\n") == [
        "**Warning**",
        "Back up first.",
        "**More**",
        "Hidden words.",
        "**`--force`**",
        "Overwrites.",
        "![A drawing](/a.png)",
        "Beside.",
    ]


def test_words_that_look_like_markup_stay_words() -> None:
    assert (
        code_of("<p>Set &lt;name&gt; to snake_case *args, 2 &lt; 3.</p>") == "Set \\<name> to snake_case *args, 2 < 3."
    )


def test_links_become_absolute_and_headings_lose_their_anchors() -> None:
    body = (
        f'<main><h1><a href="#x">Start</a></h1><h2>Install<a class="hash-link" href="#i">\u200b</a></h2><p>{PROSE}'
        '<a href="b.html#c">b</a> <a href="javascript:x()">no</a> <a href="http://[bad">odd</a></p></main>'
    )
    found = page(body, address="https://docs.example.org/guide/a.html")
    assert found.text.startswith("# Start\n\n## Install\n\n")
    assert found.text.endswith("[b](https://docs.example.org/guide/b.html#c) no odd")
    with_base = page(body, head="<base href='/v2/'>", address="https://docs.example.org/guide/a.html")
    assert "(https://docs.example.org/v2/b.html#c)" in with_base.text


@pytest.mark.parametrize(
    ("head", "body", "title"),
    [
        ("<meta property='og:title' content='Runs | Tracker'><title>x</title>", "", "Runs"),
        ("<title>Runs — Tracker 2.1 documentation</title>", "", "Runs"),
        ("<title>Runs - Tracker</title>", "", "Runs"),
        ("<title>Runs - the complete guide</title>", "", "Runs - the complete guide"),
        ("<title>A | B | Tracker</title>", "<h1>A | B<a href='#'>#</a></h1>", "A | B"),
        ("", "<h1>Only   a\nheading</h1>", "Only a heading"),
    ],
)
def test_title_is_without_the_name_of_the_site(head: str, body: str, title: str) -> None:
    assert page(f"<main>{body}<p>{PROSE}</p></main>", head=head).title == title


def test_language_and_canonical_address_are_read() -> None:
    head = "<link rel='canonical' href='/guide/'>"
    found = page(f"<p>{PROSE}</p>", head=head, address="https://docs.example.org/guide/index.html?x=1")
    assert (found.language, found.canonical) == ("en", "https://docs.example.org/guide/")
    assert page(f"<p>{PROSE}</p>", head="<link rel='canonical' href='javascript:1'>").canonical == ""


@pytest.mark.parametrize(
    "body",
    [
        "<div id='root'></div><script src='/app.js'></script>",
        "<noscript>You need to enable JavaScript to run this app.</noscript><div class='app'>Loading...</div>",
        "<div id='__next'><p>Please wait</p></div><script>1</script>",
        "<script>document.write('x')</script>",
    ],
)
def test_page_that_needs_javascript_is_called_so(body: str) -> None:
    with pytest.raises(Unreadable, match="only with JavaScript"):
        page(body)


def test_short_page_with_a_script_is_still_a_page() -> None:
    assert page("<main><p>Moved to the guide.</p></main><script>count()</script>").text == "Moved to the guide."


def test_nested_too_deeply() -> None:
    for depth in (1500, 50_000):
        with pytest.raises(Unreadable, match="nested too deeply"):
            page("<div><b>" * depth + PROSE + "</b></div>" * depth)


def test_same_page_gives_the_same_text() -> None:
    assert page(SITES["material"]) == page(SITES["material"])


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real pages is not here")
def test_real_pages_keep_every_code_block() -> None:
    """Measured: 423 of 423 code blocks kept exactly; nothing of the frame in any page."""
    for line in (CORPUS / "dev_html" / "index.jsonl").read_text().splitlines():
        entry = json.loads(line)
        raw = (CORPUS / "dev_html" / entry["html"]).read_bytes()
        found = extract(raw, name=entry["html"], media_type="text/html")
        assert len(fences(found.text)) == entry["pre"], entry["html"]
        assert found.title == entry["title"]
        for frame in (
            "Was this page helpful",
            "Edit this page",
            "We use cookies",
            "All rights reserved",
            "On this page",
        ):
            assert frame not in found.text
