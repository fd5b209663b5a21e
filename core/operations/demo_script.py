"""What a demo month is made of: channels, questions with pages that answer them, questions without, what people say.

Comes in: `data/demo.toml`, golden questions and the pages of the knowledge base. Goes out: a `Script`. Called by
`core.operations.demo`.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.domain.channels import Fault
from core.domain.knowledge import Document
from core.errors import ConfigurationError, InputError
from core.knowledge.evaluation.golden import GoldenQuestion

ENOUGH = 10
"""Questions that the pages answer; with fewer there is nothing to make a month of."""

TEXT_LENGTH = 900

_HEADING = re.compile(r"^## +(.+)$", re.MULTILINE)
_WORD = re.compile(r"\w{4,}")


@dataclass(frozen=True)
class DemoChannel:
    """Where people ask: how often in relation to other channels, and the share of questions for the crew."""

    platform: str
    channel: str
    weight: float
    crew: float


@dataclass(frozen=True)
class Missing:
    """A topic that no page covers; `growing` ones are asked about more and more."""

    topic: str
    weight: float
    questions: tuple[str, ...]
    growing: bool = False


@dataclass(frozen=True)
class Section:
    """A part of a page under its heading."""

    page: Document
    heading: str
    text: str


@dataclass(frozen=True)
class Answerable:
    """A question with the part of a page that answers it."""

    question: str
    section: Section


@dataclass(frozen=True)
class Script:
    """All of it: the number of `people` on each platform; `further` sections of each page, by path, for who asks on."""

    people: Mapping[str, int]
    channels: tuple[DemoChannel, ...]
    missing: tuple[Missing, ...]
    answerable: tuple[Answerable, ...]
    further: Mapping[str, tuple[Section, ...]]
    helpful: tuple[str, ...]
    not_helpful: tuple[tuple[Fault, str], ...]
    failures: tuple[str, ...]


def read_script(path: Path, golden: Sequence[GoldenQuestion], documents: Sequence[Document]) -> Script:
    """The script over the pages that are there.

    Raises ConfigurationError for a file that cannot be used, InputError when the pages answer too little.
    """
    further = {document.path: sections for document in documents if (sections := tuple(_sections(document)))}
    answerable = tuple(
        Answerable(question.question, _best(question, further[page]))
        for question in golden
        for page in question.gold[:1]
        if page in further
    )
    if len(answerable) < ENOUGH:
        raise InputError(
            "The knowledge base holds too few of the pages that ship, so there is nothing to answer from; nothing was "
            "stored. Run `mlops-assistant refresh` with the source `knowledge` enabled, then try again."
        )
    try:
        return _script(tomllib.loads(path.read_text(encoding="utf-8")), answerable, further)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} cannot be used for a demo: {error!r}. Nothing was stored.") from error


def follow_up(section: Section) -> str:
    """A heading as somebody would ask for it who already talks about its page."""
    heading = section.heading.rstrip(".")
    if heading.endswith("?"):
        return heading
    if heading.lower().startswith("how to "):
        return f"And how do I {heading[7:]}?"
    return f"What about this: {heading[0].lower()}{heading[1:]}?"


def _script(
    told: dict[str, Any], answerable: tuple[Answerable, ...], further: dict[str, tuple[Section, ...]]
) -> Script:
    replies = told["replies"]
    return Script(
        people=told["people"],
        channels=tuple(DemoChannel(**channel) for channel in told["channels"]),
        missing=tuple(replace(Missing(**topic), questions=tuple(topic["questions"])) for topic in told["missing"]),
        answerable=answerable,
        further=further,
        helpful=tuple(replies["helpful"]),
        not_helpful=tuple((Fault(fault), comment) for fault, comment in replies["not_helpful"]),
        failures=tuple(replies["failures"]),
    )


def _sections(document: Document) -> list[Section]:
    """The parts of a page whose first paragraphs say something."""
    _, *parts = _HEADING.split(document.text)
    found = zip(parts[::2], parts[1::2], strict=True)
    return [Section(document, heading.strip(), said) for heading, text in found if (said := _beginning(text))]


def _beginning(text: str) -> str:
    """The first whole paragraphs, as many as fit, at least one."""
    said = ""
    for paragraph in text.strip().split("\n\n"):
        if said and len(said) + len(paragraph) > TEXT_LENGTH:
            break
        said = f"{said}\n\n{paragraph}".strip()
    return said if said.count("```") % 2 == 0 else said.rpartition("```")[0].strip()


def _best(question: GoldenQuestion, sections: Sequence[Section]) -> Section:
    """The section that shares most words with the question and what its answer has to contain."""
    wanted = set(_WORD.findall(f"{question.question} {' '.join(question.answer_facts)}".lower()))

    def shared(section: Section) -> int:
        return len(wanted & set(_WORD.findall(f"{section.heading} {section.text}".lower())))

    return max(sections, key=shared)
