"""The golden questions as people keep them: added, changed, removed, imported and exported, each change on record.

Comes in: what was typed, a file, or a question that somebody asked. Goes out: the questions to ask an index version.
Called by the evaluation and the console. The file of the settings gives questions to begin with, once each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.domain.golden import GoldenFilter, GoldenQuestion, Origin
from core.errors import InputError, NameTaken
from core.knowledge.evaluation.golden import as_fields, make_question, read_lines, read_questions, written
from core.storage.audit import Audit
from core.storage.golden import GoldenQuestions
from core.storage.ids import new_id
from core.storage.library import Library

STEP = 200
"""Questions that are read at once when all are."""

MOST = 5_000
"""Questions of one import; each is asked of every new index version."""

NO_LINE = "The file holds no question. Write one JSON object a line, with id, question and gold."


@dataclass(frozen=True)
class Imported:
    """What came of an import: how many questions were new, how many changed, and what is wrong with other lines."""

    added: int
    changed: int
    unchanged: int
    refused: tuple[str, ...]


class Questionnaire:
    """The one desk at which golden questions are handed in."""

    def __init__(self, stored: GoldenQuestions, library: Library, audit: Audit, file: Path) -> None:
        self._stored = stored
        self._library = library
        self._audit = audit
        self._file = file

    async def begin(self) -> None:
        """Takes what is new in the file of the settings, which may be absent. Raises InputError for a broken one."""
        if self._file.is_file():
            await self._stored.begin_with(read_questions(self._file))

    async def asked(self) -> list[GoldenQuestion]:
        """The questions that measure an index version. Raises InputError as `begin` does."""
        await self.begin()
        return await self._stored.enabled()

    async def find(self, wanted: GoldenFilter, count: int, *, before: str = "") -> list[GoldenQuestion]:
        """Those that are looked for, the latest first, behind the one with the id `before`."""
        return await self._stored.find(wanted, count, before=before)

    async def count(self, wanted: GoldenFilter) -> int:
        """How many there are of those that are looked for."""
        return await self._stored.count(wanted)

    async def styles(self) -> list[str]:
        """Every style that there is."""
        return await self._stored.styles()

    async def get(self, question_id: str) -> GoldenQuestion:
        """One of them. Raises UnknownGoldenQuestion."""
        return await self._stored.get(question_id)

    async def add(self, fields: Mapping[str, Any], origin: Origin) -> GoldenQuestion:
        """Stores a new question; without an id it gets one. Raises InputError, or NameTaken."""
        question = make_question({"id": new_id(), **fields}, origin=origin)
        if same := await self._stored.name_of(question.question):
            raise NameTaken(f"This is a golden question already, with the id {same}. Nothing was added.")
        await self._stored.add([question])
        await self._audit.note("golden.add", question.id, after=as_fields(question))
        return question

    async def change(self, question_id: str, fields: Mapping[str, Any], *, enabled: bool | None = None) -> None:
        """Gives a question other contents; fields that are not named stay. Raises InputError."""
        old = await self._stored.get(question_id)
        on = old.enabled if enabled is None else enabled
        new = make_question({**as_fields(old), **fields, "id": old.id}, origin=old.origin, enabled=on)
        if new != old:
            await self._stored.change(new)
            await self._audit.note("golden.change", old.id, before=_all(old), after=_all(new))

    async def remove(self, question_id: str) -> None:
        """Forgets a question. Raises UnknownGoldenQuestion."""
        old = await self._stored.get(question_id)
        await self._stored.remove(question_id)
        await self._audit.note("golden.remove", question_id, before=_all(old))

    async def take(self, name: str, text: str) -> Imported:
        """Imports the good lines of a file; those whose id is known change that question.

        Raises InputError for a file of too many, and when an id is taken meanwhile; nothing was imported then.
        """
        read = read_lines(text.removeprefix("\ufeff"), origin=Origin.IMPORT)
        if len(read.questions) > MOST:
            raise InputError(f"The file holds more than {MOST:,} questions. Split it; nothing was imported.")
        known = await self._stored.named([question.id for question in read.questions])
        new = [question for question in read.questions if question.id not in known]
        changed = [
            merged
            for question in read.questions
            if (old := known.get(question.id))
            and (merged := replace(question, origin=old.origin, enabled=old.enabled)) != old
        ]
        if new:
            await self._stored.add(new)
        for question in changed:
            await self._stored.change(question)
        refused = tuple(read.refused) or (() if read.questions else (NO_LINE,))
        if new or changed:
            after = {"added": [q.id for q in new], "changed": [q.id for q in changed], "refused": len(refused)}
            await self._audit.note("golden.import", name[:300], after=after)
        return Imported(len(new), len(changed), len(read.questions) - len(new) - len(changed), refused)

    async def export(self, wanted: GoldenFilter) -> str:
        """All that are looked for, as a file of questions holds them, the oldest first."""
        found: list[GoldenQuestion] = []
        while len(part := await self.find(wanted, STEP, before=found[-1].id if found else "")) == STEP:
            found += part
        return written(reversed([*found, *part]))

    async def missing(self, pages: Sequence[str]) -> list[str]:
        """Those of the pages that the knowledge base does not have."""
        known = await self._library.titles(pages)
        return [page for page in pages if page not in known]

    async def pages_at(self, addresses: Sequence[str]) -> list[str]:
        """The paths of the pages at these addresses, whatever their part behind the #, each once."""
        plain = list(dict.fromkeys(address.partition("#")[0] for address in addresses))
        paths = await self._library.paths_at(plain)
        return [paths[address] for address in plain if address in paths]


def _all(question: GoldenQuestion) -> dict[str, Any]:
    return {**as_fields(question), "enabled": question.enabled}
