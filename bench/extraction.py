"""Ways to turn a web page into Markdown, compared on real pages: `python bench/extraction.py ../shared/corpus`.

Measured, over the 25 pages of `dev_html` (six site styles) against the Markdown that each was made from:
- code: share of the page's code blocks that are found, character by character, as a fence of the output (those are the
  source's fences, and the code that the site's generator put in).
- cells: share of the cells of the source's tables that are found in a row of a table of the output.
- recall, precision: share of the source's words that the output has, and the other way round (as multisets).
- leaked: words of the output from the page's navigation, footer, banners and buttons that neither the source nor the
  page's code has.
- ms: median and slowest page. Fences and tables are found by a CommonMark parser, not by looking for marks.
"""

import json
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import frontmatter
import trafilatura
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from markdownify import markdownify

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.knowledge.extract import extract  # noqa: E402
from core.knowledge.extract.markdown_page import read_markdown  # noqa: E402

WORD = re.compile(r"\w+")
COMMONMARK = MarkdownIt("commonmark").enable("table")
FRAME = (
    "nav, footer, header, aside, button, .toc, .cookie-banner, .announcementBar, .newsletter-modal, .feedback-widget"
)


def with_trafilatura(raw: bytes) -> str:
    return trafilatura.extract(
        raw, output_format="markdown", include_tables=True, include_links=True, include_formatting=True
    ) or ""  # fmt: skip


def with_markdownify(raw: bytes) -> str:
    soup = BeautifulSoup(raw, "lxml")
    main = soup.select_one("main, [role=main], article, #content, #main, .content") or soup.body
    assert main is not None
    for element in main.select("script, style, nav, footer, aside, button"):
        element.decompose()
    return markdownify(str(main), heading_style="ATX")


def with_everything(raw: bytes) -> str:
    return markdownify(str(BeautifulSoup(raw, "lxml").body), heading_style="ATX")


def ours(raw: bytes) -> str:
    return extract(raw, name="page.html", media_type="text/html").text


WAYS: dict[str, Callable[[bytes], str]] = {
    "whole body, markdownify": with_everything,
    "trafilatura": with_trafilatura,
    "main element, markdownify": with_markdownify,
    "ours": ours,
}


@dataclass
class Score:
    code: list[bool] = field(default_factory=list)
    cells: list[bool] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)
    precision: list[float] = field(default_factory=list)
    leaked: int = 0
    seconds: list[float] = field(default_factory=list)


def fences(markdown: str) -> list[str]:
    return [t.content.rstrip("\n") for t in COMMONMARK.parse(markdown) if t.type in {"fence", "code_block"}]


def rows(markdown: str) -> Iterator[list[str]]:
    """The cells of each row of each table, without formatting."""
    row: list[str] = []
    for token in COMMONMARK.parse(markdown):
        if token.type == "tr_open":
            row = []
        elif token.type == "inline" and token.level >= 4 and row is not None:  # noqa: PLR2004 - inside a cell
            row.append(" ".join(WORD.findall(token.content)))
        elif token.type == "tr_close":
            yield row


def words(text: str) -> Counter[str]:
    return Counter(WORD.findall(re.sub(r"\]\([^)]*\)|<https?://[^>]*>", "]", text).lower()))


def frame_words(raw: bytes) -> Counter[str]:
    soup = BeautifulSoup(raw, "lxml")
    return words(" ".join(element.get_text(" ") for element in soup.select(FRAME)))


def pages(corpus: Path) -> Iterator[tuple[str, bytes, str]]:
    for line in (corpus / "dev_html" / "index.jsonl").read_text().splitlines():
        page: dict[str, Any] = json.loads(line)
        raw = (corpus / "dev_html" / page["html"]).read_bytes()
        yield page["html"], raw, (corpus / "dev" / page["page_id"]).read_text()


def judge(score: Score, raw: bytes, html_code: list[str], source: str, output: str) -> list[str]:
    found = fences(output)
    missing = [code for code in html_code if code not in found]
    score.code += [code in found for code in html_code]
    cells = [set(row) for row in rows(output)]
    wanted = [cell for row in rows(frontmatter.loads(source).content) for cell in row if cell]
    score.cells += [any(cell in row for row in cells) for cell in wanted]
    said, got = words(read_markdown(source).text), words(output)
    score.recall.append((said & got).total() / said.total())
    score.precision.append((said & got).total() / max(got.total(), 1))
    score.leaked += ((got - said - words("\n".join(html_code))) & frame_words(raw)).total()
    return missing


def shown_code(raw: bytes) -> list[str]:
    """The code of a page as a browser shows it."""
    blocks = (pre.get_text() for pre in BeautifulSoup(raw, "lxml").select("pre"))
    return [block.removesuffix("\n").rstrip("\n") for block in blocks if block.strip()]


def source_code(source: str, shown: list[str]) -> list[str]:
    """The fenced blocks of the source; those that the site's generator changed on the page itself cannot be kept."""
    return [code for code in fences(read_markdown(source).text) if code in shown]


def main(corpus: Path, *, verbose: bool) -> None:
    scores = {name: Score() for name in WAYS}
    of_source = of_pages = 0
    for name, raw, source in pages(corpus):
        shown = shown_code(raw)
        of_source += len(source_code(source, shown))
        of_pages += len(shown)
        for way, convert in WAYS.items():
            start = time.perf_counter()
            output = convert(raw)
            scores[way].seconds.append(time.perf_counter() - start)
            missing = judge(scores[way], raw, shown, source, output)
            if verbose and way == "ours":
                print(name, round(scores[way].recall[-1], 3), round(scores[way].precision[-1], 3), missing[:1])
    print(f"{of_pages} code blocks on the pages, {of_source} of them also fences of the source, unchanged")
    print("| way | code kept exactly | table cells kept | recall | precision | leaked words | ms median / slowest |")
    print("|---|---|---|---|---|---|---|")
    for way, score in scores.items():
        milliseconds = [1000 * seconds for seconds in score.seconds]
        print(
            f"| {way} | {statistics.mean(score.code):.1%} | {statistics.mean(score.cells):.1%} "
            f"| {statistics.mean(score.recall):.3f} | {statistics.mean(score.precision):.3f} | {score.leaked} "
            f"| {statistics.median(milliseconds):.0f} / {max(milliseconds):.0f} |"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), verbose="-v" in sys.argv)
