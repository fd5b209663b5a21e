"""How well unsupported sentences are told from supported ones: `python bench/support.py`.

Each line of `bench/support.jsonl` is a sentence as a model would write it over the pages that ship: true to its
section, or with another number, another flag or identifier, or something that the section does not say. It is checked
against the eight passages that BM25 finds for the heading of its section, those of the section first. The constants
were chosen over every second page; the others were held out. The processor's time depends on the machine: the last
line says what a plain loop takes on it.
"""

import argparse
import json
import statistics
import sys
import time
import timeit
from pathlib import Path
from typing import Any

import frontmatter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.answering.grounding import sources  # noqa: E402
from core.answering.grounding.support import check  # noqa: E402
from core.domain.knowledge import Document, Passage  # noqa: E402
from core.knowledge.index.chunk import chunk  # noqa: E402
from core.knowledge.index.lexical import LexicalIndex  # noqa: E402

PAGES = ROOT / "data" / "knowledge"
CASES = ROOT / "bench" / "support.jsonl"
SHOWN = 8
WORDS = 300
"""Of the answers that are timed."""

Case = dict[str, Any]


class Shelf:
    """The pages that ship, as passages that can be searched."""

    def __init__(self) -> None:
        self._passages = {p.id: p for file in sorted(PAGES.rglob("*.md")) for p in passages_of(file)}
        self._index = LexicalIndex.create(None)
        self._index.add(self._passages.values())
        self._index.commit()

    def shown(self, page: str, section: str) -> list[Passage]:
        """The passages that a question about a section would bring, those of the section first."""
        of_page = [passage for passage in self._passages.values() if passage.document == page]
        own = [p for p in of_page if section in (*p.heading_path, *p.text.split("**"))]
        hits = [self._passages[found] for found, _ in self._index.search(f"{own[0].title} {section}", 3 * SHOWN)]
        return list({p.id: p for p in [*own, *hits]}.values())[:SHOWN]


def passages_of(file: Path) -> list[Passage]:
    page = frontmatter.loads(file.read_text("utf-8"))
    path = file.relative_to(PAGES).as_posix()
    told = [str(page[name]) for name in ("title", "product", "reference")]
    document = Document(path, told[0], told[1], f"http://localhost/{path}", told[2], page.content, "")
    return chunk(document, lambda text: len(text) // 4)


def figures(cases: list[Case], marked: list[bool]) -> str:
    hit = sum(m and not case["supported"] for case, m in zip(cases, marked, strict=True))
    false = sum(m and case["supported"] for case, m in zip(cases, marked, strict=True))
    true, altered = (sum(case["supported"] is kind for case in cases) for kind in (True, False))
    return (
        f"{true} supported, {false} of them marked ({false / true:.1%}); {altered} altered, {hit} caught "
        f"({hit / altered:.1%}); precision {hit / max(hit + false, 1):.1%}"
    )


def milliseconds(cases: list[Case], shelf: Shelf) -> list[float]:
    """Processor time of checking answers of about `WORDS` words over passages not read before, the best of five."""
    found: list[float] = []
    prose = [case for case in cases if "\n" not in case["sentence"]]
    for start in range(0, len(prose) - WORDS // 12, WORDS // 15):
        answer = " ".join(" ".join(f"{case['sentence']} [1]" for case in prose[start:]).split(" ")[:WORDS])
        passages = shelf.shown(prose[start]["page"], prose[start]["section"])
        found.append(min(_milliseconds(answer, passages) for _ in range(5)))
    return found


def _milliseconds(answer: str, passages: list[Passage]) -> float:
    sources.read.cache_clear()
    begun = time.process_time()
    check(answer, passages, question="How?")
    return 1000 * (time.process_time() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-v", "--verbose", action="store_true", help="also list what is judged wrongly")
    options = parser.parse_args()
    shelf = Shelf()
    cases: list[Case] = [json.loads(line) for line in CASES.read_text("utf-8").splitlines()]
    pages = list(dict.fromkeys(case["page"] for case in cases))
    marked = [bool(check(case["sentence"], shelf.shown(case["page"], case["section"])).unsupported) for case in cases]
    for parity, half in enumerate(("chosen over", "held out")):
        of = [n for n, case in enumerate(cases) if pages.index(case["page"]) % 2 == parity]
        print(f"{half}: {figures([cases[n] for n in of], [marked[n] for n in of])}")
        for n in of if options.verbose else []:
            if marked[n] == cases[n]["supported"]:
                print("   ", "marked" if marked[n] else "missed", repr(cases[n]["sentence"]))
    times = milliseconds(cases, shelf)
    print(f"{statistics.median(times):.2f} ms median, {max(times):.2f} ms slowest, over {len(times)} answers")
    print(f"{min(timeit.repeat('sum(range(10_000))', number=100)) * 10:.3f} ms for summing up ten thousand numbers")


if __name__ == "__main__":
    main()
