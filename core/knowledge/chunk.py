"""Cuts a document into passages along its structure.

Comes in: a `Document` and a way to count the model's tokens. Goes out: `Passage`s, each from one section, with its
heading path; paragraphs, lists, tables and code fences stay whole. Called by the build.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt

from core.domain.knowledge import Document, Passage

MAX_TOKENS = 220
"""Of the 256 word pieces that all-MiniLM-L6-v2 reads; the rest is for the title and headings before the text."""

CONFIGURATION = {
    "chunking": "sections of whole blocks, short ones joined, headings not repeated; 2",
    "max_tokens": MAX_TOKENS,
}

_LINE_END = re.compile(r"\r\n?|\n")
_WORD = re.compile(r"[a-z0-9_]{3,}")
_MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class _Section:
    """Text below one heading; `headings` is the path to it, outermost first."""

    headings: tuple[str, ...]
    text: str
    tokens: int


def chunk(document: Document, count_tokens: Callable[[str], int]) -> list[Passage]:
    """The passages of a document, in reading order. A block longer than MAX_TOKENS becomes a passage alone."""
    sections = [
        _Section(headings, text, count_tokens(text))
        for headings, blocks in _sections(document.text)
        for text in _packed(blocks, count_tokens)
    ]
    passages = [_passage(document, section) for section in _joined(sections, count_tokens)]
    return list({passage.id: passage for passage in passages}.values())


def embedding_text(passage: Passage) -> str:
    """What is embedded for a passage: the title and headings that its text does not repeat anyway, then the text.

    Repetition dilutes: "To create a DVC pipeline, …" is found at a cosine of 0.73 alone, of 0.50 below its own title.
    """
    said = _words(passage.text)
    context = [part for part in dict.fromkeys((passage.title, *passage.heading_path)) if not _words(part) <= said]
    return "\n".join([" > ".join(context), passage.text] if context else [passage.text])


def anchor(heading: str) -> str:
    """The fragment of a heading's address, as Markdown renderers make it."""
    kept = "".join(c for c in heading.lower() if c.isalnum() or c in " -_")
    return kept.strip().replace(" ", "-")


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _sections(markdown: str) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Each heading path with the blocks directly below it."""
    blocks: list[str] = []
    current: tuple[str, ...] = ()
    for headings, block in _blocks(markdown):
        if headings != current and blocks:
            yield current, blocks
            blocks = []
        current = headings
        blocks.append(block)
    if blocks:
        yield current, blocks


def _blocks(markdown: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each top-level block of the Markdown with the path of headings above it."""
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
            yield tuple(heading for _, heading in path), text


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
    identity = "\n".join((document.path, *section.headings, section.text))
    address = document.address
    if len(section.headings) > 1:
        address = f"{address}#{anchor(section.headings[-1])}"
    return Passage(
        id=hashlib.sha256(identity.encode()).hexdigest()[:32],
        document=document.path,
        title=document.title,
        heading_path=section.headings,
        address=address,
        text=section.text,
        product=document.product,
    )
