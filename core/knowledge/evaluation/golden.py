"""Golden questions: what people ask, with the pages that answer it.

Comes in: a file with one JSON object a line. Goes out: `GoldenQuestion`s, checked. Called by the evaluation.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core.errors import InputError


@dataclass(frozen=True)
class GoldenQuestion:
    """A question whose answer is known. No `gold` page: it cannot be answered from the pages.

    `need` is "any" when each gold page answers it alone, "all" when it takes all of them together. `answer_facts` are
    words that a right answer contains.
    """

    id: str
    question: str
    gold: tuple[str, ...]
    need: str = "any"
    answer_facts: tuple[str, ...] = ()


def read_questions(path: Path) -> list[GoldenQuestion]:
    """The questions of a file with one JSON object a line. Raises InputError naming the file and the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(
            f"The questions in {path} cannot be read. Nothing was evaluated.", detail=str(error)
        ) from error
    questions: dict[str, GoldenQuestion] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            question = _question(line, f"Line {number} of {path}")
            if question.id in questions:
                raise InputError(f'Line {number} of {path} repeats the id "{question.id}". Give it another one.')
            questions[question.id] = question
    if not questions:
        raise InputError(f"{path} holds no question. Write one JSON object a line, with id, question and gold.")
    return list(questions.values())


def _question(line: str, place: str) -> GoldenQuestion:
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise InputError(f"{place} is not JSON. Nothing was evaluated.", detail=str(error)) from error
    if not isinstance(fields, dict):
        raise InputError(f"{place} is not a JSON object. Nothing was evaluated.")
    return _checked({"need": "any", "answer_facts": [], **cast("dict[str, Any]", fields)}, place)


def _checked(fields: Mapping[str, Any], place: str) -> GoldenQuestion:
    texts = ("id", "question", "need")
    wrong = [name for name in texts if not isinstance(fields.get(name), str) or not fields[name].strip()]
    wrong += [name for name in ("gold", "answer_facts") if not _are_texts(fields.get(name))]
    if wrong:
        raise InputError(f"{place} has no valid {', '.join(wrong)}: a text each, gold and answer_facts lists of texts.")
    if fields["need"] not in {"any", "all", "none"}:  # "none" stands beside an empty gold in some files
        raise InputError(f'{place} needs "{fields["need"]}". Write "any" or "all".')
    gold, facts = tuple(fields["gold"]), tuple(fields["answer_facts"])
    return GoldenQuestion(fields["id"], fields["question"], gold, fields["need"], facts)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value))
