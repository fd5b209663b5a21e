"""What a sentence of an answer claims: the words that carry it, and the hard facts that it must not get wrong.

Comes in: a sentence, or a fence of code. Goes out: a `Claim`, or none for a sentence that claims nothing: a question, a
greeting, a lead ("For example:"), a word about the answer itself. Pure. Called by `core.answering.grounding.support`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.answering.grounding.statements import announces
from core.knowledge.index.lexical import COMMON

WORD = re.compile(r"[^\W\d_]{2,}")

_DIGITS = ("three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_WRITTEN = {word: str(number) for number, word in enumerate(_DIGITS, 3)}
SPELLINGS = _WRITTEN | {digits: word for word, digits in _WRITTEN.items()}
"""Numbers that are written in words as often as in digits, both ways. One and two say too little."""

_MARKERS = re.compile(r"(?<![ \t])[ \t]*(?:\[\d{1,3}\])+(?![(\d])")
_LITERAL = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_APART = re.compile(r"""[\s=,;(){}\[\]"'<>|&*$\\]+""")
_TOKEN = re.compile(r"https?://[^\s<>)\]]+|(?<!\w)--?[A-Za-z][\w\-]*|\d[\d.]*\d(?!\w)|~?/?\w(?:[\w.\-/:@+]*\w)?")
_NUMBER = re.compile(r"v?(\d[\d.]*)(?:[a-z]{1,3}|%)?$", re.IGNORECASE)
_NAME = re.compile(r"_|\w\.\w|::|^-|^~?/|\w/\w.*[/.]|[a-z][A-Z]|[A-Za-z]\d|\d[A-Za-z]|@|://")
"""Marks of an identifier, a flag, a path or an address in prose."""

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_PUNCTUATION = ".,:;!?()[]\"'*_\u2019\u201c\u201d"
_SHORTENED = frozenset({"e.g", "i.e"})
_ABOUT_ITSELF = re.compile(
    r"\W*(?:I|I'm|I'll|we'll|let me|let us|let's|hello|hi|hey|sure|thanks|thank you|you're welcome|hope|feel free"
    r"|in (?:short|summary)|to summari[sz]e|here (?:is|are)|here's"
    r"|(?:the|these|those) (?:passages?|sources?|pages?|documentation|docs|knowledge base)"
    r" (?:do(?:es)? not|do(?:es)?n't|did not|didn't|say(?:s)? nothing))\b",
    re.IGNORECASE,
)

_FENCE = re.compile(r"[ \t>]*(?:`{3,}|~{3,})[^\n]*")
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|<[^<>\n]*>|(?:^|(?<=\s))(?:#|//)[^\n]*", re.MULTILINE)
"""What people put into an example of their own: strings, placeholders and comments."""

_OWN = re.compile(
    r"\b(?:def|class|for|as|function)\s+(\w+)|^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*(?::[\w\[\], |.]+)?=(?!=)",
    re.MULTILINE,
)
_SPOKEN = re.compile(r"(?<![\w\-])--[A-Za-z][\w\-]*|\b[A-Za-z_]\w+(?=\()|(?<=\.)[A-Za-z_]\w+|\b[A-Z][A-Z0-9]*_\w+")
"""Flags, what is called, attributes and variables of the environment: what a reader cannot guess to be wrong."""

_BUILT_INS = "print len str int float list dict set range open echo format join split strip append items"
_BUILT_IN = frozenset(_BUILT_INS.split())


@dataclass(frozen=True)
class Claim:
    """`words` are lower case; `facts` are numbers, identifiers, flags and addresses, as `plain` text has them."""

    words: frozenset[str]
    facts: tuple[str, ...]


def plain(text: str) -> str:
    """A text as facts are looked up in it: lower case, numbers without marks between thousands."""
    return (_THOUSANDS.sub("", text) if "," in text else text).lower()


def bare(sentence: str) -> str:
    """A sentence without the markers of its citations and the white space around it."""
    return (_MARKERS.sub("", sentence) if "[" in sentence else sentence).strip()


def claim_of(said: str) -> Claim | None:
    """What a `bare` sentence claims."""
    if announces(said) or said.rstrip("*_\"') ").endswith("?"):
        return None
    facts = tuple(dict.fromkeys(_facts(_THOUSANDS.sub("", said) if "," in said else said)))
    words = frozenset(word for word in WORD.findall(said.lower()) if word not in COMMON)
    if not facts and (len(words) < 2 or _ABOUT_ITSELF.match(said)):  # noqa: PLR2004 - one word is no statement
        return None
    return Claim(words, facts)


def claim_of_code(fence: str) -> Claim | None:
    """What a fence of code claims: that what it calls exists. Its names, strings, numbers and comments are its own."""
    code = _QUOTED.sub(" ", _FENCE.sub("", fence))
    own = {name for names in _OWN.findall(code) for name in names}
    facts = (name for name in _SPOKEN.findall(code) if name not in own | _BUILT_IN)
    found = tuple(dict.fromkeys(fact.lower() for fact in facts))
    return Claim(frozenset(), found) if found else None


def _facts(said: str) -> Iterator[str]:
    prose = said
    if "`" in said:
        for literal in _LITERAL.finditer(said):
            yield from filter(None, map(_fact_in_code, _APART.split(literal.group(2))))
        prose = _LITERAL.sub(" ", said)
    for word in prose.split():
        plain_word = word.strip(_PUNCTUATION)
        if plain_word.isalpha() and (plain_word.islower() or plain_word.istitle()):
            yield from {plain_word.lower()} & SPELLINGS.keys()
        else:
            yield from _facts_in_word(word)


def _facts_in_word(word: str) -> Iterator[str]:
    """The facts of what stands between white space in prose, such as `(Python/3.12,` or `[page](https://example.org)`."""
    for token in _TOKEN.findall(word):
        number = _NUMBER.match(token)
        if number:
            yield number.group(1)
        elif _NAME.search(token) and token.strip("_") and token.lower() not in _SHORTENED:
            yield token.lower()


def _fact_in_code(token: str) -> str:
    token = token.rstrip(".,:;!?").lstrip(",;!?").lower()
    number = _NUMBER.match(token)
    if number:
        return number.group(1)
    return token if any(letter.isalnum() for letter in token) else ""
