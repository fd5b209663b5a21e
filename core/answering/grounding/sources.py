"""What the passages of a turn say, laid out so that a claim can be held against them quickly.

Comes in: passages, and what else an answer may repeat (its question, results of tools). Goes out: which passages have
the words and the facts of a claim. Pure. Called by `core.answering.grounding.support`.
"""

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.answering.grounding.claims import SPELLINGS, WORD, Claim, plain
from core.domain.knowledge import Passage
from core.knowledge.index.lexical import stemmed
from core.knowledge.retrieval.rank import weight

REMEMBERED = 600
"""Passages that are kept laid out, about 30 KB each."""

_PART = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:[-*+|]|\d{1,3}[.)])[ \t])")
"""Between paragraphs, items of lists and rows of tables."""

MENTIONED = 0.5
"""Share of a claim's words that passages must have at all."""

SUPPORTED = 0.56
"""Share of a claim from which passages support it: the mean of what they have of it anywhere and in one place.

`bench/support.py` measures it: from 0.62 on free paraphrases are marked, below 0.5 more inventions get through."""

FACT, EVEN, RAREST = 0.5, 0.3, 0.5
"""Of the weight of a word that no passage has: what a fact counts, what every word does, and the most for rarity."""


@dataclass(frozen=True)
class _Source:
    """A passage: its `text` with headings and address, as facts are looked up in it, its words and their stems.

    `places` are its paragraphs, items and rows, each with the next one: their text, and their stems with its headings'.
    """

    text: str
    words: frozenset[str]
    stems: frozenset[str]
    places: tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True)
class Weighed:
    """A claim among the passages of a turn: the weights of its stems, their sum, and its facts, `given` ones apart."""

    stems: Mapping[str, float]
    total: float
    facts: tuple[str, ...]
    given: frozenset[str]


class Sources:
    """The passages of a turn, numbered from 1. `given` is text that facts may come from as well."""

    def __init__(self, passages: Sequence[Passage], given: str) -> None:
        self._sources = [read(passage) for passage in passages]
        self._whole = "\n\n".join(source.text for source in self._sources)
        self._given = plain(given)
        self._counts = Counter(stem for source in self._sources for stem in source.stems)
        idf = [weight(count, len(passages)) for count in range(len(passages) + 1)]
        self._weights = [EVEN * idf[0] + min(each, RAREST * idf[0]) for each in idf]
        self._fact = FACT * idf[0]
        self.numbers = range(1, len(passages) + 1)
        self.words = frozenset[str]().union(*(source.words for source in self._sources))

    def weighed(self, claim: Claim, stems: Mapping[str, str]) -> Weighed:
        """A claim, by the stems of its words."""
        weights = {stems[word]: self._weights[self._counts[stems[word]]] for word in claim.words if word in stems}
        given = frozenset(fact for fact in claim.facts if says(self._given, fact))
        return Weighed(weights, sum(weights.values()), tuple(f for f in claim.facts if f not in given), given)

    def quoting(self, text: str) -> tuple[int, ...]:
        """The numbers of the passages that say this word by word."""
        said = plain(text)
        return tuple(number for number, source in enumerate(self._sources, 1) if said in source.text)

    def know(self, facts: Iterable[str]) -> bool:
        """Whether each fact stands in any passage at all."""
        return all(says(self._whole, fact) for fact in facts)

    def have(self, facts: Iterable[str], numbers: Sequence[int]) -> bool:
        """Whether each fact stands in one of these passages."""
        return all(any(says(self._sources[number - 1].text, fact) for number in numbers) for fact in facts)

    def anywhere(self, claim: Weighed, numbers: Sequence[int]) -> float:
        """The share, 0..1, of a claim's words that these passages have between them, by weight."""
        first, *rest = (self._sources[number - 1].stems for number in numbers)
        known = first.union(*rest)
        return sum(map(claim.stems.__getitem__, known.intersection(claim.stems))) / claim.total if claim.total else 1.0

    def together(self, claim: Weighed, number: int) -> float:
        """The largest share, 0..1, of a claim's words and facts that stand in one place of a passage, by weight."""
        most = self._fact * len(claim.facts)
        total = claim.total + most
        best = 0.0
        for text, stems in self._sources[number - 1].places:
            has = sum(map(claim.stems.__getitem__, stems.intersection(claim.stems)))
            if has + most > best:
                best = max(best, has + self._fact * sum(says(text, fact) for fact in claim.facts))
        return best / total if total else 1.0


def says(text: str, fact: str) -> bool:
    """Whether a plain text has a fact, not as a part of a longer word or number."""
    if fact in text and _stands(text, fact):
        return True
    return fact in SPELLINGS and _stands(text, SPELLINGS[fact])


def _stands(text: str, fact: str) -> bool:
    at = text.find(fact)
    while at >= 0:
        end = at + len(fact)
        if not (_longer_before(text[max(at - 2, 0) : at], fact[0]) or _longer_after(text[end : end + 2], fact[-1])):
            return True
        at = text.find(fact, at + 1)
    return False


def _longer_before(before: str, first: str) -> bool:
    if first.isdigit():
        return before[-1:].isdigit() or (before[-1:] == "." and before[:1].isdigit())
    return _wordly(first) and _wordly(before[-1:])


def _longer_after(after: str, last: str) -> bool:
    if last.isdigit():
        return after[:1].isdigit() or (after[:1] == "." and after[1:].isdigit())
    return _wordly(last) and _wordly(after[:1])


def _wordly(character: str) -> bool:
    return character.isalnum() or character == "_"


@functools.lru_cache(REMEMBERED)
def read(passage: Passage) -> _Source:
    """A passage, laid out; kept, for the same ones come up again and again."""
    head = plain(" ".join((passage.title, *passage.heading_path, passage.product)))
    text = plain(passage.text)
    parts = _PART.split(text)
    words = [WORD.findall(part) for part in [head, *parts]]
    stems = stemmed(itertools.chain(*words))
    about, *of_parts = (frozenset(stems[word] for word in found if word in stems) for found in words)
    places = tuple(
        (f"{part}\n{after}", about | here | there)
        for (part, here), (after, there) in itertools.pairwise([*zip(parts, of_parts, strict=True), ("", about)])
    )
    whole = f"{head}\n{text}\n{passage.address.lower()}"
    return _Source(whole, frozenset(itertools.chain(*words)), about.union(*of_parts), places)
