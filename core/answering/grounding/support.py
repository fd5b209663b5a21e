"""Holds each sentence of an answer against the passages that it may cite.

Comes in: an answer's Markdown whose markers were checked, the passages numbered from 1, and what else it may repeat.
Goes out: the text with its unsupported sentences marked or dropped and its markers corrected, and what supports the
others. Pure. Called by `core.answering.grounding.citations`.

The check is lexical and takes about two milliseconds: a sentence must share its rarest stems, and every number,
identifier, flag and address, with a passage. It cannot see what only meaning tells (a negation, swapped roles), and it
marks nothing in an answer that is plainly in another language than the passages.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from core.answering.grounding.claims import WORD, bare, claim_of, claim_of_code, plain
from core.answering.grounding.dropping import without
from core.answering.grounding.sources import MENTIONED, SUPPORTED, Sources, Weighed
from core.answering.grounding.statements import Block, Kind, blocks
from core.domain.knowledge import Passage
from core.knowledge.index.lexical import COMMON, stemmed

Policy = Literal["mark", "drop", "keep"]

MARK = "(not in the sources)"

LONGEST = 20_000
"""Characters of an answer that is checked; a longer one is no answer that anybody reads, and is left as it is."""

MAX_DIGITS = 16
"""Before the point of a number that is rounded."""

SHORT, TELLING, SAME_LANGUAGE = 4, 3, 0.4
"""Words of so few letters tell the language, once there are so many; so large a share must be known to the passages."""

_CODE = r"(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)"
_MARKER = re.compile(
    rf"(?P<code>{_CODE})|(?P<space>(?<![ \t])[ \t]*)(?P<numbers>(?<!`)(?:\[\d{{1,3}}\])+)(?![(\d`])", re.DOTALL
)
_CITED = re.compile(r"`[^`]*`|\[(\d{1,3})\](?![(\d])")
_DIGITS = re.compile(r"\d+(?:\.\d+)?")
_EMPHASIS, _CLOSING, _STOPS = " \t\r\n*_~", "\"')\u201d\u2019", (".", "!", "…")
_INLINE = re.compile(r"`[^`]*`")
_SHORT = re.compile(r"(?<!\w)[^\W\d_]+(?!\w)")


@dataclass(frozen=True)
class Verdict:
    """A sentence, or a fence of code, that claims something, and the numbers of the passages that support it.

    `supported` with no numbers: what it says was calculated.
    """

    sentence: str
    supported: bool
    by: tuple[int, ...] = ()


@dataclass(frozen=True)
class Checked:
    """A text whose sentences were checked, and what was found, in their order."""

    text: str
    verdicts: tuple[Verdict, ...] = ()

    @property
    def unsupported(self) -> tuple[str, ...]:
        """The sentences that nothing supports."""
        return tuple(verdict.sentence for verdict in self.verdicts if not verdict.supported)


def check(
    text: str,
    passages: Sequence[Passage],
    *,
    question: str = "",
    calculated: Sequence[str] = (),
    policy: Policy = "mark",
) -> Checked:
    """What becomes of a text under a policy; to check it again changes nothing.

    What is `calculated`, and what the `question` names, needs no passage. When nothing of what a text claims is left,
    dropping leaves nothing of it.
    """
    if len(text) > LONGEST:
        return Checked(text)
    judge = _Judge(text, passages, question, calculated)
    parts = blocks(text)
    if passages and judge.is_foreign("".join(block.text for block in parts if block.kind is not Kind.CODE)):
        return Checked(text)
    judged = [[judge.verdict(sentence, block.kind) for sentence in block.sentences] for block in parts]
    verdicts = tuple(verdict for block in judged for verdict in block if verdict)
    if policy == "keep":
        return Checked(text, verdicts)
    if policy == "drop" and verdicts and not any(verdict.supported for verdict in verdicts):
        return Checked("", verdicts)
    corrected = [_corrected(block, found) for block, found in zip(parts, judged, strict=True)]
    wrong = [[bool(verdict and not verdict.supported) for verdict in found] for found in judged]
    if policy == "drop":
        return Checked(without(corrected, wrong), verdicts)
    following = [*(block.text for block in parts[1:]), ""]
    marked = map(_marked, corrected, wrong, following)
    return Checked("".join(marked), verdicts)


class _Judge:
    """Says what supports a sentence."""

    def __init__(self, text: str, passages: Sequence[Passage], question: str, calculated: Sequence[str]) -> None:
        self._calculated = frozenset(_with_roundings(plain(" ".join(calculated))))
        self._sources = Sources(passages, "\n".join((question, *self._calculated)))
        self._stems = stemmed(WORD.findall(text.lower()))

    def is_foreign(self, text: str) -> bool:
        """Whether a text is plainly in another language than the passages: they know few of its short words."""
        known = self._sources.words
        known = known | COMMON if len(known & COMMON) >= TELLING else known
        short = [w for w in _SHORT.findall(_INLINE.sub(" ", text.lower())) if len(w) <= SHORT or not w.isascii()]
        return len(short) >= TELLING and sum(w in known for w in short) < SAME_LANGUAGE * len(short)

    def verdict(self, sentence: str, kind: Kind) -> Verdict | None:
        """What supports a sentence; None when it claims nothing."""
        said = bare(sentence)
        claim = claim_of_code(said) if kind is Kind.CODE else claim_of(said)
        if claim is None or said == MARK:
            return None
        if MARK in said:
            return Verdict(sentence, supported=False)
        weighed = self._sources.weighed(claim, self._stems)
        by = self._backing_code(weighed) if kind is Kind.CODE else self._backing(weighed, cited(sentence))
        if by is None:
            by = self._sources.quoting(said)[:1] or None
        return Verdict(sentence, supported=by is not None, by=by or ())

    def _backing_code(self, claim: Weighed) -> tuple[int, ...] | None:
        """Code may put together what several passages show."""
        if not self._sources.know(claim.facts):
            return None
        shows = self._sources.have
        return tuple(n for n in self._sources.numbers if any(shows([fact], [n]) for fact in claim.facts))

    def _backing(self, claim: Weighed, named: Sequence[int]) -> tuple[int, ...] | None:
        """The passages that support a claim, those that it names before others; none of them when it was calculated."""
        if not self._sources.know(claim.facts):
            return None
        real = tuple(number for number in named if number in self._sources.numbers)
        if real and self._supports(claim, real):
            return real
        return real if claim.given & self._calculated else self._best(claim)

    def _best(self, claim: Weighed) -> tuple[int, ...] | None:
        """The passage that supports a claim, or two that do so together."""
        shares = {number: self._sources.anywhere(claim, [number]) for number in self._sources.numbers}
        ranked = sorted(shares, key=lambda number: -shares[number])
        ways = [*((number,) for number in ranked), *([tuple(sorted(ranked[:2]))] if len(ranked) > 1 else [])]
        return next((way for way in ways if self._supports(claim, way)), None)

    def _supports(self, claim: Weighed, numbers: Sequence[int]) -> bool:
        """Whether passages have all facts of a claim, and enough of its words: of them all, and in one place."""
        anywhere = self._sources.anywhere(claim, numbers)
        if anywhere < MENTIONED or not self._sources.have(claim.facts, numbers):
            return False
        return anywhere + max(self._sources.together(claim, number) for number in numbers) >= 2 * SUPPORTED


def _with_roundings(text: str) -> Iterator[str]:
    """The numbers of a text, as they are and rounded."""
    for number in _DIGITS.findall(text):
        yield number
        whole, _, decimals = number.partition(".")
        yield from (f"{float(number):.{digits}f}" for digits in range(len(decimals)) if len(whole) < MAX_DIGITS)


def cited(sentence: str) -> list[int]:
    """The numbers of the passages that a sentence names."""
    found = _CITED.findall(sentence) if "[" in sentence else []
    return [int(number) for number in found if number]


def _corrected(block: Block, verdicts: Sequence[Verdict | None]) -> Block:
    """A block whose markers name passages that support what they stand behind."""
    if block.kind is Kind.CODE:
        return block
    return block.saying(map(_cite_rightly, block.sentences, verdicts))


def _cite_rightly(sentence: str, verdict: Verdict | None) -> str:
    """A sentence that names other passages than those that support it, with those in their place.

    A marker that a line begins with is never taken away: what comes next could read as the mark of a list or of code.
    """
    named = cited(sentence)
    if verdict is None or not named or (verdict.supported and (not verdict.by or set(named) & set(verdict.by))):
        return sentence
    right = ["".join(f"[{number}]" for number in verdict.by)]

    def put(marker: re.Match[str]) -> str:
        if marker["code"]:
            return marker["code"]
        numbers = right.pop() if right else ""
        if numbers or not sentence[: marker.start()].rpartition("\n")[2].strip():
            return f"{marker['space']}{numbers or marker['numbers']}"
        between_words = sentence[marker.start() - 1].isalnum() and sentence[marker.end() : marker.end() + 1].isalnum()
        return " " if between_words else ""

    return _MARKER.sub(put, sentence)


def _marked(block: Block, wrong: Sequence[bool], following: str) -> str:
    """The text of a block with a mark behind each wrong sentence; behind the end of a fence of code, never in it."""
    if block.kind is not Kind.CODE:
        sentences = (_with_mark(said) if bad else said for said, bad in zip(block.sentences, wrong, strict=True))
        return block.saying(sentences).text
    if not wrong[0] or not block.closed or following.lstrip().startswith(MARK):
        return block.text
    apart = "\n" if following.strip() else ""
    return f"{block.text.rstrip()}\n{' ' * block.indent}{MARK}\n{apart}"


def _with_mark(sentence: str) -> str:
    if MARK in sentence:
        return sentence
    said = sentence.rstrip(_EMPHASIS)
    ended = said.rstrip(_CLOSING)
    if ended.endswith(_STOPS):
        said = ended.rstrip("".join(_STOPS))
    return f"{said.rstrip()} {MARK}{sentence[len(said) :]}"
