"""Makes readable passages of ranked hits: the same text once, neighbours joined.

Comes in: ranked ids, and a way to read passages. Goes out: `Passage`s as people and models are shown them. Called by
the retriever.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from core.domain.knowledge import Passage
from core.knowledge.index.lexical import words_of
from core.knowledge.retrieval.rank import Place

LOOKED_AT = 30
"""Hits that are read; neighbours are joined when both are among them."""

MAX_CHARACTERS = 1_000
"""Of a joined passage: with more, the same facts come in twice the text."""

SHORT = 300
"""Characters below which a passage is joined with its neighbour, hit or not: a mere line is no answer."""

ALIKE = 0.9
"""Share of terms that two passages have in common from which they count as the same."""


def assemble(
    ranked: Sequence[str],
    count: int,
    pages: Mapping[str, tuple[str, ...]],
    places: Mapping[str, Place],
    read: Callable[[Sequence[str]], list[Passage]],
) -> list[Passage]:
    """The best `count` passages, each joined with those of its neighbours that belong to it."""
    hits = list(ranked[:LOOKED_AT])
    around = [n for hit in hits for n in _neighbours(hit, pages, places)]
    known = {passage.id: passage for passage in read(list(dict.fromkeys([*hits, *around])))}
    chosen: list[Passage] = []
    used: set[str] = set()
    seen: list[frozenset[str]] = []
    for hit in hits:
        if len(chosen) == count:
            break
        words = words_of(known[hit].text)
        if hit in used or any(_alike(words, other) for other in seen):
            continue
        seen.append(words)
        run = _run(hit, set(hits) - used, pages, places, known)
        used.update(run)
        chosen.append(_joined(hit, run, known))
    return chosen


def _neighbours(hit: str, pages: Mapping[str, tuple[str, ...]], places: Mapping[str, Place]) -> list[str]:
    path, n = places[hit]
    return [pages[path][i] for i in (n - 1, n + 1) if 0 <= i < len(pages[path])]


def _run(
    hit: str,
    hits: set[str],
    pages: Mapping[str, tuple[str, ...]],
    places: Mapping[str, Place],
    known: Mapping[str, Passage],
) -> list[str]:
    """The ids of a hit and the neighbours to join with it, in reading order."""
    run = [hit]
    for step in (1, -1):
        while True:
            near = _next(run[-1 if step == 1 else 0], step, pages, places)
            if near not in known or not _belongs(known[near], [known[p] for p in run], hit=near in hits):
                break
            run = [*run, near] if step == 1 else [near, *run]
    return run


def _next(passage: str, step: int, pages: Mapping[str, tuple[str, ...]], places: Mapping[str, Place]) -> str:
    path, n = places[passage]
    return pages[path][n + step] if 0 <= n + step < len(pages[path]) else ""


def _belongs(near: Passage, run: Sequence[Passage], *, hit: bool) -> bool:
    """Whether a neighbour is part of the same matter, and there is room for it."""
    length = sum(len(passage.text) for passage in run)
    same_section = near.heading_path[:2] == run[0].heading_path[:2]
    return length + len(near.text) <= MAX_CHARACTERS and (hit or (same_section and length < SHORT))


def _joined(hit: str, run: Sequence[str], known: Mapping[str, Passage]) -> Passage:
    parts: list[str] = []
    headings: tuple[str, ...] = known[run[0]].heading_path
    for passage in (known[passage_id] for passage_id in run):
        if passage.heading_path != headings and passage.heading_path:
            parts.append(f"**{passage.heading_path[-1]}**")
        headings = passage.heading_path
        parts.append(passage.text)
    return replace(known[hit], text="\n\n".join(parts))


def _alike(words: frozenset[str], other: frozenset[str]) -> bool:
    union = len(words | other)
    return union > 0 and len(words & other) / union >= ALIKE
