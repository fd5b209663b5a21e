"""How well unsupported sentences are told from supported ones: `python bench/support.py`.

Each line of `bench/support.jsonl` is a sentence as a model would write it over the pages that ship: true to its section,
or with another number, another flag or identifier, or something that the section does not say. It is checked against
the eight passages that BM25 finds for the heading of its section, those of the section first. Every second page is held
out: the constants were chosen over the others. `-v` lists what is judged wrongly.
"""

import argparse
import functools
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import frontmatter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.answering import sources  # noqa: E402
from core.answering.support import check  # noqa: E402
from core.domain.knowledge import Document, Passage  # noqa: E402
from core.knowledge.index.chunk import chunk  # noqa: E402
from core.knowledge.index.lexical import LexicalIndex  # noqa: E402

PAGES = ROOT / "data" / "knowledge"
CASES = ROOT / "bench" / "support.jsonl"
SHOWN = 8


class Shelf:
    """The pages that ship, as passages that can be searched."""

    def __init__(self) -> None:
        self._passages = {p.id: p for file in sorted(PAGES.rglob("*.md")) for p in passages_of(file)}
        self._index = LexicalIndex.create(None)
        self._index.add(self._passages.values())
        self._index.commit()

    @functools.cache  # noqa: B019 - there is one shelf
    def shown(self, page: str, section: str) -> list[Passage]:
        own = [p for p in self._passages.values() if p.document == page and section in (*p.heading_path, *p.text.split("**"))]
        hits = [self._passages[found] for found, _ in self._index.search(f"{own[0].title} {section}", 3 * SHOWN)]
        return list({p.id: p for p in [*own, *hits]}.values())[:SHOWN]


def passages_of(file: Path) -> list[Passage]:
    page = frontmatter.loads(file.read_text("utf-8"))
    path = file.relative_to(PAGES).as_posix()
    told = [str(page[name]) for name in ("title", "product", "reference")]
    document = Document(path, told[0], told[1], f"http://localhost/{path}", told[2], page.content, "")
    return chunk(document, lambda text: len(text) // 4)


def figures(cases: list[dict[str, Any]], marked: list[bool]) -> str:
    hit = sum(m and not case["supported"] for case, m in zip(cases, marked, strict=True))
    false = sum(m and case["supported"] for case, m in zip(cases, marked, strict=True))
    true, altered = (sum(case["supported"] is kind for case in cases) for kind in (True, False))
    return (
        f"{true} supported, {false} of them marked ({false / true:.1%}); {altered} altered, {hit} caught "
        f"({hit / altered:.1%}); precision {hit / max(hit + false, 1):.1%}"
    )


def milliseconds(cases: list[dict[str, Any]], shelf: Shelf) -> list[float]:
    """Of checking answers of about 300 words, over passages that were never read before."""
    found: list[float] = []
    for start in range(0, len(cases) - 18, 18):
        answer = " ".join(f"{case['sentence']} [1]" for case in cases[start : start + 18])
        passages = shelf.shown(cases[start]["page"], cases[start]["section"])
        sources.read.cache_clear()
        begun = time.perf_counter()
        check(answer, passages, question="How?")
        found.append(1000 * (time.perf_counter() - begun))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--sweep", action="store_true", help="also print the figures for other thresholds")
    options = parser.parse_args()
    shelf = Shelf()
    cases: list[dict[str, Any]] = [json.loads(line) for line in CASES.read_text("utf-8").splitlines()]
    pages = list(dict.fromkeys(case["page"] for case in cases))
    halves = {"chosen over": 0, "held out": 1}
    for threshold in [x / 100 for x in range(50, 82, 4)] if options.sweep else [sources.SUPPORTED]:
        sources.SUPPORTED = threshold  # type: ignore[misc]
        import core.answering.support as S; S.SUPPORTED=threshold
        marked = [bool(check(c["sentence"], shelf.shown(c["page"], c["section"])).unsupported) for c in cases]
        for half, parity in halves.items():
            of = [n for n, case in enumerate(cases) if pages.index(case["page"]) % 2 == parity]
            print(f"{threshold:.2f} {half}: {figures([cases[n] for n in of], [marked[n] for n in of])}")
            for n in of if options.verbose else []:
                if marked[n] == cases[n]["supported"]:
                    print("   ", "marked" if marked[n] else "missed", cases[n]["sentence"])
    times = milliseconds(cases, shelf)
    print(f"{statistics.median(times):.2f} ms median, {max(times):.2f} ms slowest, over {len(times)} answers")


if __name__ == "__main__":
    main()
