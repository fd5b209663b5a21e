"""Makes the index what the library says: in place when little changed, else as a new version beside the live one.

Comes in: the pages of the library. Goes out: an `Outcome`. Nothing that readers see changes before it is complete; what
an interrupted change left behind is invisible, and removed at the next start. Called by the refresh and by rollbacks.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from core.domain.knowledge import Change, IndexVersion, RunStatus, Stage
from core.errors import AssistantError, IndexCorrupt, InputError, RefreshFailed
from core.knowledge.evaluation.evaluate import Evaluator
from core.knowledge.index import chunk, lexical
from core.knowledge.index.dense import IndexPlace
from core.knowledge.index.embed import Embedder
from core.knowledge.index.sinks import read_change
from core.knowledge.index.worker import BuildWorker, Tell
from core.knowledge.retrieval.retrieve import Retriever
from core.storage.ids import new_id, now
from core.storage.library import Library
from core.storage.versions import ChangedPage, Versions

FEW = 10
"""Changed pages that are always applied in place."""

LITTLE = 0.1
"""Share of the pages up to which a change is applied in place; beyond, a new version costs little more."""

KEPT_VERSIONS = 3
"""The live version and two to go back to, which readers elsewhere may still have open."""

KEPT_CHANGES = 50


@dataclass(frozen=True)
class Outcome:
    """What became of the index: a version and the change that made it live, or the reason why it is not."""

    status: RunStatus
    version: IndexVersion | None = None
    change: Change | None = None
    reason: str = ""


class Indexer:
    """Applies what changed in the library to the index."""

    def __init__(
        self,
        library: Library,
        versions: Versions,
        *,
        retriever: Retriever,
        embedder: Embedder,
        worker: BuildWorker,
        place: IndexPlace,
        evaluator: Evaluator,
    ) -> None:
        self._library = library
        self._versions = versions
        self._retriever = retriever
        self._worker = worker
        self._place = place
        self._evaluator = evaluator
        self._configuration: dict[str, Any] = {
            "model": embedder.name,
            "weights_sha256": embedder.identity,
            **chunk.CONFIGURATION,
            **lexical.CONFIGURATION,
        }
        self._fingerprint = hashlib.sha256(json.dumps(self._configuration, sort_keys=True).encode()).hexdigest()

    @property
    def configuration(self) -> str:
        """The fingerprint of the model and the settings that this process builds with."""
        return self._fingerprint

    async def bring_up_to_date(self, tell: Tell, *, rebuild: bool = False) -> Outcome:
        """Applies every difference between library and index. Raises RefreshFailed; readers notice nothing then."""
        held = await self._library.held()
        if not held:
            raise RefreshFailed(
                "There is no page to index: no source has given any. `mlops-assistant sources list` says why."
            )
        live = await self._versions.production()
        if live is None or rebuild or live.configuration != self._fingerprint or not await self._is_readable():
            return await self._build_beside(held, live, tell, asked=rebuild)
        indexed = await self._versions.held(live.id)
        changed = sorted(path for path in held.keys() | indexed.keys() if held.get(path) != indexed.get(path))
        if not changed:
            return Outcome(RunStatus.UNCHANGED)
        if len(changed) > max(FEW, LITTLE * len(indexed)):
            return await self._build_beside(held, live, tell)
        try:
            return await self.apply(live, changed, held, tell)
        except IndexCorrupt:
            return await self._build_beside(held, live, tell)

    async def bring_in(self, paths: Sequence[str], tell: Tell) -> Outcome:
        """Applies what differs in these pages alone; as `bring_up_to_date` when the live index takes no changes."""
        live = await self._versions.production()
        if live is None or live.configuration != self._fingerprint or not await self._is_readable():
            return await self.bring_up_to_date(tell)
        held, indexed = await self._library.held(), await self._versions.held(live.id)
        changed = sorted(path for path in paths if held.get(path) != indexed.get(path))
        if not changed:
            return Outcome(RunStatus.UNCHANGED, live)
        return await self.apply(live, changed, held, tell)

    async def apply(
        self,
        live: IndexVersion,
        changed: list[str],
        held: Mapping[str, str],
        tell: Tell,
        *,
        undoes: str | None = None,
    ) -> Outcome:
        """Changes pages of the live version in place. `held` is what the library says, by path."""
        indexed = await self._versions.held(live.id)
        sources = await self._library.sources_of(changed)
        record = [
            ChangedPage(path, sources.get(path, ""), indexed.get(path, ""), held.get(path, "")) for path in changed
        ]
        present = [path for path in changed if path in held]
        documents = self._library.read(present)
        async with (
            self._worker.run(documents, len(present), tell) as built,
            self._retriever.changing() as opened,
        ):
            passages, vectors = await asyncio.to_thread(read_change, built.folder)
            new = [i for i, passage in enumerate(passages) if passage.id not in opened.contents.places]
            await asyncio.to_thread(opened.add, [passages[i] for i in new], [vectors[i] for i in new])
            version, change = await self._versions.apply(live, built.pages, record, undoes=undoes)
            shown = dict.fromkeys(changed, ()) | {page.path: page.passages for page in built.pages}
            await asyncio.to_thread(opened.show, version, shown, self._place)
        await self._retire()
        return Outcome(RunStatus.UPDATED, version, change)

    async def promote(self, candidate: IndexVersion) -> Change:
        """Makes a version the live one, and notes which pages that changed."""
        live = await self._versions.production()
        before = await self._versions.held(live.id) if live else {}
        after = await self._versions.held(candidate.id)
        paths = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        sources = await self._library.sources_of(paths)
        changed = [ChangedPage(p, sources.get(p, ""), before.get(p, ""), after.get(p, "")) for p in paths]
        return await self._versions.promote(candidate.id, changed)

    async def check(self, version: IndexVersion) -> None:
        """Raises KnowledgeError unless a version can be opened."""
        opened = await self._retriever.open(version)
        opened.close()

    async def tidy(self) -> None:
        """Removes what a process that was killed in the middle of a change left behind. For the start."""
        await asyncio.to_thread(self._worker.tidy)
        for version in await self._versions.all():
            if version.stage is Stage.STAGING and not version.reason:  # built, and neither promoted nor kept back
                await self._discard(version.id)
        known = {version.id for version in await self._versions.all()}
        for leftover in self._place.leftovers(known):
            await asyncio.to_thread(self._place.remove, leftover)
        with suppress(AssistantError):  # no index yet, or a damaged one: the next refresh sees to it
            opened = await self._retriever.live()
            await asyncio.to_thread(opened.tidy)

    async def _build_beside(
        self, held: Mapping[str, str], live: IndexVersion | None, tell: Tell, *, asked: bool = False
    ) -> Outcome:
        waiting = await self._waiting(held)
        if waiting and not asked:
            return Outcome(RunStatus.STAGED, waiting, reason=waiting.reason)
        candidate = await self._build(held, tell)
        try:
            reasons = await self._objections(candidate, live)
        except BaseException:  # cancelled as well
            with suppress(AssistantError):  # what is left behind is removed at the next start
                await self._discard(candidate.id)
            raise
        if reasons:
            said = f"It stays in Staging: {'; '.join(reasons)}. The live index was kept."
            await self._versions.set_stage(candidate.id, Stage.STAGING, said)
            await self._retire()
            return Outcome(RunStatus.STAGED, replace(candidate, reason=said), reason=said)
        change = await self.promote(candidate)
        await self._retire()
        return Outcome(RunStatus.PROMOTED, replace(candidate, stage=Stage.PRODUCTION), change)

    async def _waiting(self, held: Mapping[str, str]) -> IndexVersion | None:
        """A version in Staging that holds just this already: building it again would end the same way."""
        for version in await self._versions.all():
            staged = version.stage is Stage.STAGING and version.configuration == self._fingerprint
            whole = bool(version.reason) and self._place.holds(version.id)
            if staged and whole and await self._versions.held(version.id) == held:
                return version
        return None

    async def _build(self, held: Mapping[str, str], tell: Tell) -> IndexVersion:
        started = time.monotonic()
        version_id = new_id()
        paths = sorted(held)
        try:
            async with self._worker.run(self._library.read(paths), len(paths), tell, version_id=version_id) as built:
                candidate = IndexVersion(
                    id=version_id,
                    stage=Stage.STAGING,
                    configuration=self._fingerprint,
                    documents=len(built.pages),
                    passages=len({passage for page in built.pages for passage in page.passages}),
                    seconds=round(time.monotonic() - started, 2),
                    created_at=now(),
                )
                await self._versions.add(candidate, self._configuration, built.pages)
        except BaseException:  # cancelled as well
            with suppress(AssistantError):  # what is left behind is removed at the next start
                await asyncio.to_thread(self._place.remove, version_id)
            raise
        return candidate

    async def _objections(self, candidate: IndexVersion, live: IndexVersion | None) -> list[str]:
        """Why a new version must not take the live one's place by itself."""
        if live is None:
            with suppress(InputError):  # questions that cannot be read are no reason to have no index
                await self._evaluator.measure(candidate)
            return []
        if live.configuration != candidate.configuration and await self._versions.is_rejected(candidate.configuration):
            return ["somebody rolled back from an index of this configuration, so it is promoted by hand only"]
        try:
            return await self._evaluator.objections(candidate, live)
        except InputError as error:
            return [error.said.rstrip(".")]

    async def _is_readable(self) -> bool:
        """Whether the live version can be opened."""
        try:
            await self._retriever.check()
        except IndexCorrupt:
            return False
        return True

    async def _discard(self, version_id: str) -> None:
        await asyncio.to_thread(self._place.remove, version_id)
        await self._versions.forget(version_id)

    async def _retire(self) -> None:
        """Forgets the oldest versions and changes beyond those kept; the live version always stays."""
        versions = await self._versions.all()
        spare = [version for version in versions if version.stage is not Stage.PRODUCTION]
        for version in spare[KEPT_VERSIONS - 1 :]:
            await self._discard(version.id)
        await self._versions.forget_changes(KEPT_CHANGES)
        await self._library.sweep()
