"""Cuts a document into passages along its structure.

Comes in: a `Document` and a way to count the model's tokens. Goes out: `Passage`s, each from one section, with its
heading path; paragraphs, tables and code fences stay whole unless they are very long. Called by the build.
"""

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt

from core.domain.knowledge import Document, Passage

MAX_TOKENS = 220
"""Of the 256 word pieces that all-MiniLM-L6-v2 reads; the rest is for the title and headings before the text."""

READ_TOKENS = 250
"""What is embedded in one piece: a little less than the 254 that the model reads besides its two marks."""

WHOLE_TOKENS = 800
"""Up to which a table or a code fence stays one passage; the model reads it in several windows then."""

CONFIGURATION = {
    "chunking": "sections of whole blocks, short ones joined, headings not repeated, windows over long ones; 4",
    "max_tokens": MAX_TOKENS,
    "whole_tokens": WHOLE_TOKENS,
}

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_LINE_END = re.compile(r"\r\n?|\n")
_WORD = re.compile(r"[a-z0-9_]{3,}")
_MARKDOWN = MarkdownIt("commonmark").enable("table").disable("inline")


@dataclass(frozen=True)
class _Section:
    """Text below one heading; `headings` is the path to it, outermost first."""

    headings: tuple[str, ...]
    text: str
    tokens: int


def chunk(document: Document, count_tokens: Callable[[str], int]) -> list[Passage]:
    """The passages of a document, in reading order.

    A table or code fence longer than MAX_TOKENS becomes a passage alone; beyond WHOLE_TOKENS it is cut between lines.
    """
    sections = [
        _Section(headings, text, count_tokens(text))
        for headings, blocks in _sections(document.text, count_tokens)
        for text in _packed(blocks, count_tokens)
    ]
    passages = [_passage(document, section) for section in _joined(sections, count_tokens)]
    return list({passage.id: passage for passage in passages}.values())


def embedding_texts(passage: Passage, count_tokens: Callable[[str], int]) -> list[str]:
    """What is embedded for a passage: its text below the title and headings that it does not repeat anyway.

    Repetition dilutes: "To create a DVC pipeline, …" is found at a cosine of 0.73 alone, of 0.50 below its own title.
    A passage that is longer than the model reads gives several texts, so that nothing of it is dropped unseen.
    """
    said = _words(passage.text)
    context = [part for part in dict.fromkeys((passage.title, *passage.heading_path)) if not _words(part) <= said]
    head = [" > ".join(context)] if context else []
    whole = "\n".join([*head, passage.text])
    if count_tokens(whole) <= READ_TOKENS:
        return [whole]
    return ["\n".join([*head, window]) for window in _cut(passage.text, MAX_TOKENS, count_tokens)]


def anchor(heading: str) -> str:
    """The fragment of a heading's address, as Markdown renderers make it."""
    kept = "".join(c for c in heading.lower() if c.isalnum() or c in " -_")
    return kept.strip().replace(" ", "-")


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _sections(markdown: str, count_tokens: Callable[[str], int]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Each heading path with the blocks directly below it."""
    blocks: list[str] = []
    current: tuple[str, ...] = ()
    for headings, kind, block in _blocks(markdown):
        if headings != current and blocks:
            yield current, blocks
            blocks = []
        current = headings
        blocks += _portions(kind, block, count_tokens)
    if blocks:
        yield current, blocks


def _blocks(markdown: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Each top-level block of the Markdown with the path of headings above it and its kind."""
    lines = _LINE_END.split(markdown)  # as the parser counts them; str.splitlines knows more ends
    path: list[tuple[int, str]] = []
    tokens = _MARKDOWN.parse(markdown)
    for index, token in enumerate(tokens):
        if token.level != 0 or token.map is None or token.nesting < 0:
            continue
        if token.type == "heading_open":
            depth = int(token.tag[1:])
            path = [entry for entry in path if entry[0] < depth] + [(depth, tokens[index + 1].content)]
            continue
        text = "\n".join(lines[token.map[0] : token.map[1]]).strip("\n")
        if text.strip():
            yield tuple(heading for _, heading in path), token.type, text


def _portions(kind: str, block: str, count_tokens: Callable[[str], int]) -> list[str]:
    """A block as it is, or cut between lines where it is too long; each part of a table or fence stands for itself."""
    whole = kind in {"fence", "table_open", "code_block"}
    if count_tokens(block) <= (WHOLE_TOKENS if whole else MAX_TOKENS):
        return [block]
    lines = block.split("\n")
    if kind == "fence":
        opening, closing = lines[0], lines[0][: len(lines[0]) - len(lines[0].lstrip("`~ "))].strip()
        inner = lines[1:-1] if lines[-1].strip() == closing else lines[1:]
        parts = _cut("\n".join(inner), WHOLE_TOKENS, count_tokens)
        return [f"{opening}\n{part}\n{closing}" for part in parts]
    if kind == "table_open":
        head, rows = lines[:2], "\n".join(lines[2:])
        room = max(MAX_TOKENS - count_tokens("\n".join(head)), MAX_TOKENS // 2)
        return ["\n".join((*head, part)) for part in _cut(rows, room, count_tokens)]
    return _cut(block, WHOLE_TOKENS if whole else MAX_TOKENS, count_tokens)


def _cut(text: str, limit: int, count_tokens: Callable[[str], int]) -> list[str]:
    """A text in parts of at most `limit` tokens: between lines, else between sentences, else between words."""
    pieces = deque((piece, "\n") for piece in text.split("\n"))
    parts: list[str] = []
    kept, size = "", 0
    while pieces:
        piece, joint = pieces.popleft()
        tokens = count_tokens(piece)
        if tokens > limit:
            smaller = _SENTENCE_END.split(piece) if joint == "\n" else []
            smaller = smaller if len(smaller) > 1 else _halves(piece)
            pieces.extendleft([(smaller[-1], joint), *((part, " ") for part in reversed(smaller[:-1]))])
            continue
        if kept.strip() and size + tokens > limit:
            parts.append(kept.strip("\n"))
            kept, size = "", 0
        kept += piece + joint
        size += tokens
    if kept.strip():
        parts.append(kept.strip("\n"))
    return parts


def _halves(text: str) -> list[str]:
    """A text in two, between words where there are any."""
    middle = len(text) // 2
    space = text.find(" ", middle)
    middle = space if 0 < space < len(text) - 1 else middle
    return [text[:middle], text[middle:]]


def _packed(blocks: list[str], count_tokens: Callable[[str], int]) -> Iterator[str]:
    """Blocks of one section put together up to MAX_TOKENS."""
    kept: list[str] = []
    size = 0
    for block in blocks:
        tokens = count_tokens(block)
        if kept and size + tokens > MAX_TOKENS:
            yield "\n\n".join(kept)
            kept, size = [], 0
        kept.append(block)
        size += tokens
    if kept:
        yield "\n\n".join(kept)


def _joined(sections: list[_Section], count_tokens: Callable[[str], int]) -> Iterator[_Section]:
    """Short neighbours below the same second-level heading put together, so that no passage is a mere line."""
    kept: _Section | None = None
    for section in sections:
        both = _join(kept, section, count_tokens) if kept else section
        if kept and both is None:
            yield kept
        kept = both or section
    if kept:
        yield kept


def _join(first: _Section, second: _Section, count_tokens: Callable[[str], int]) -> _Section | None:
    """Two sections as one, or None when they do not belong together or would be too long."""
    shared = first.headings[:2]
    if shared != second.headings[:2] or first.tokens + second.tokens > MAX_TOKENS:
        return None
    text = "\n\n".join(_under_heading(section, shared) for section in (first, second))
    tokens = count_tokens(text)
    return _Section(shared, text, tokens) if tokens <= MAX_TOKENS else None


def _under_heading(section: _Section, shared: tuple[str, ...]) -> str:
    below = section.headings[len(shared) :]
    return f"**{below[-1]}**\n\n{section.text}" if below else section.text


def _passage(document: Document, section: _Section) -> Passage:
    address = document.address
    if len(section.headings) > 1:
        address = f"{address}#{anchor(section.headings[-1])}"
    told = (document.path, document.source, document.product, document.title, address)
    identity = "\n".join((*told, *section.headings, section.text))
    return Passage(
        id=hashlib.sha256(identity.encode()).hexdigest()[:32],
        document=document.path,
        title=document.title,
        heading_path=section.headings,
        address=address,
        text=section.text,
        product=document.product,
        source=document.source,
    )
