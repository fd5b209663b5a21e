"""Cuts a document into passages along its structure.

Comes in: a `Document` and a way to count the model's tokens. Goes out: `Passage`s, each from one section, with its
heading path; paragraphs, lists, tables and code fences stay whole. Called by the build.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt

from core.domain.knowledge import Document, Passage

MAX_TOKENS = 220
"""Of the 256 word pieces that all-MiniLM-L6-v2 reads; the rest is for the title and headings before the text."""

CONFIGURATION = {"chunking": "sections of whole blocks", "max_tokens": MAX_TOKENS}

_MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class _Block:
    headings: tuple[str, ...]
    text: str


def chunk(document: Document, count_tokens: Callable[[str], int]) -> list[Passage]:
    """The passages of a document, in reading order. A block longer than MAX_TOKENS becomes a passage alone."""
    passages: list[Passage] = []
    for headings, texts in _sections(document.text):
        for text in _packed(texts, count_tokens):
            passages.append(_passage(document, headings, text))
    return list({passage.id: passage for passage in passages}.values())


def embedding_text(passage: Passage) -> str:
    """What is embedded for a passage: its title and headings, then its text."""
    context = " > ".join(dict.fromkeys((passage.title, *passage.heading_path)))
    return f"{context}\n{passage.text}"


def anchor(heading: str) -> str:
    """The fragment of a heading's address, as Markdown renderers make it."""
    kept = "".join(c for c in heading.lower() if c.isalnum() or c in " -_")
    return kept.strip().replace(" ", "-")


def _sections(markdown: str) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    section: tuple[str, ...] | None = None
    texts: list[str] = []
    for block in _blocks(markdown):
        if block.headings != section and texts and section is not None:
            yield section, texts
            texts = []
        section = block.headings
        texts.append(block.text)
    if texts and section is not None:
        yield section, texts


def _blocks(markdown: str) -> Iterator[_Block]:
    lines = markdown.splitlines()
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
            yield _Block(tuple(heading for _, heading in path), text)


def _packed(texts: list[str], count_tokens: Callable[[str], int]) -> Iterator[str]:
    kept: list[str] = []
    size = 0
    for text in texts:
        tokens = count_tokens(text)
        if kept and size + tokens > MAX_TOKENS:
            yield "\n\n".join(kept)
            kept, size = [], 0
        kept.append(text)
        size += tokens
    if kept:
        yield "\n\n".join(kept)


def _passage(document: Document, headings: tuple[str, ...], text: str) -> Passage:
    identity = "\n".join((document.path, *headings, text))
    address = document.address
    if len(headings) > 1:
        address = f"{address}#{anchor(headings[-1])}"
    return Passage(
        id=hashlib.sha256(identity.encode()).hexdigest()[:32],
        document=document.path,
        title=document.title,
        heading_path=headings,
        address=address,
        text=text,
        product=document.product,
    )
