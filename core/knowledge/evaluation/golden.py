"""Reads golden questions: a file with one JSON object a line, or what was typed.

Comes in: text. Goes out: `GoldenQuestion`s, checked, or sentences that name the line and what is wrong with it. Called
by the evaluation and the questionnaire.
"""

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core.domain.golden import GoldenQuestion, Origin
from core.errors import InputError

LONGEST = {"id": 100, "question": 8_000, "style": 40}
"""Characters of each text."""

LONGEST_ITEM = 500
MOST_ITEMS = 50

NEEDS = ("any", "all")


@dataclass(frozen=True)
class Read:
    """What came of a text of questions: those that are good, and a sentence for each line that is not."""

    questions: list[GoldenQuestion]
    refused: list[str]


def read_questions(path: Path) -> list[GoldenQuestion]:
    """The questions of a file with one JSON object a line. Raises InputError naming the file and the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(
            f"The questions in {path} cannot be read. Nothing was evaluated.", detail=str(error)
        ) from error
    read = read_lines(text, place=f" of {path}")
    if read.refused:
        raise InputError(f"{read.refused[0]} Nothing was evaluated.")
    if not read.questions:
        raise InputError(f"{path} holds no question. Write one JSON object a line, with id, question and gold.")
    return read.questions


def read_lines(text: str, *, place: str = "", origin: Origin = Origin.SHIPPED) -> Read:
    """The good lines of a text, and what is wrong with each of the others; `place` is said behind its number."""
    questions: dict[str, GoldenQuestion] = {}
    refused: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"Line {number}{place}"
        try:
            question = make_question(_fields(line, where), where, origin=origin)
        except InputError as error:
            refused.append(error.said)
            continue
        if question.id in questions:
            refused.append(f'{where} repeats the id "{question.id}". Give it another one.')
        questions.setdefault(question.id, question)
    return Read(list(questions.values()), refused)


def make_question(
    fields: Mapping[str, Any], where: str = "The question", *, origin: Origin, enabled: bool = True
) -> GoldenQuestion:
    """A question of what was written down or typed. Raises InputError naming the mistake, and `where` it is."""
    fields = {"need": "any", "answer_facts": [], "style": "", **fields}
    texts = ("id", "question", "need")
    wrong = [name for name in texts if not isinstance(fields.get(name), str) or not fields[name].strip()]
    wrong += [] if isinstance(fields["style"], str) else ["style"]
    wrong += [name for name in ("gold", "answer_facts") if not _are_texts(fields.get(name))]
    if wrong:
        raise InputError(
            f"{where} has no valid {', '.join(wrong)}. gold and answer_facts are lists of texts, the rest a text."
        )
    if fields["need"] not in {*NEEDS, "none"}:  # "none" stands beside an empty gold in some files
        raise InputError(f'{where} needs "{fields["need"][:LONGEST_ITEM]}". Write "any" or "all".')
    gold, facts = (tuple(dict.fromkeys(fields[name])) for name in ("gold", "answer_facts"))
    _check({name: fields[name] for name in LONGEST}, {"gold": gold, "answer_facts": facts}, where)
    return GoldenQuestion(
        fields["id"], fields["question"], gold, fields["need"], facts, fields["style"].strip(), origin, enabled
    )


def written(questions: Iterable[GoldenQuestion]) -> str:
    """The questions as a file holds them, one JSON object a line."""
    return "".join(json.dumps(as_fields(question), ensure_ascii=False) + "\n" for question in questions)


def as_fields(question: GoldenQuestion) -> dict[str, Any]:
    """A question as a line of a file says it."""
    return {
        "id": question.id,
        "question": question.question,
        "gold": list(question.gold),
        "need": question.need,
        "answer_facts": list(question.answer_facts),
        "style": question.style,
    }


def _fields(line: str, where: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON.", detail=str(error)) from error
    if not isinstance(fields, dict):
        raise InputError(f"{where} is not a JSON object.")
    return cast("dict[str, Any]", fields)


def _check(texts: Mapping[str, str], lists: Mapping[str, tuple[str, ...]], where: str) -> None:
    """Raises InputError for what is too long, or holds characters that no database stores or no person sees."""
    too_long = [name for name, limit in LONGEST.items() if len(texts[name]) > limit]
    for name, items in lists.items():
        if len(items) > MOST_ITEMS or any(len(item) > LONGEST_ITEM for item in items):
            too_long.append(name)
        if not all(item.strip() for item in items):
            raise InputError(f"{where} has an empty text in {name}. Leave it out.")
    if too_long:
        raise InputError(f"{where} has too long a text in {', '.join(too_long)}. Shorten it.")
    said = "".join((*texts.values(), *(item for items in lists.values() for item in items)))
    if any(unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\r\t" for c in said):
        raise InputError(f"{where} contains a control character. Remove it.")


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value))
