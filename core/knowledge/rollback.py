"""Promotes a version by hand, and takes the latest change of the index back.

Comes in: the wish of a person. Goes out: what is live then. Pages say again what they said before; what was taken
back returns only when the page changes at its source. Called by the command, HTTP and the console.
"""

from core.domain.knowledge import IndexVersion, Stage
from core.errors import IndexCorrupt, InputError, UnknownVersion
from core.knowledge.index.dense import IndexPlace
from core.knowledge.index.worker import Tell
from core.knowledge.indexer import Indexer
from core.storage.library import Library
from core.storage.versions import Versions


class Switchboard:
    """Moves the Production pointer on a person's word."""

    def __init__(self, library: Library, versions: Versions, indexer: Indexer, place: IndexPlace) -> None:
        self._library = library
        self._versions = versions
        self._indexer = indexer
        self._place = place

    async def live(self) -> IndexVersion | None:
        """What is live now."""
        return await self._versions.production()

    async def promote(self, version_id: str) -> IndexVersion:
        """Makes a version in Staging the live one, whatever the golden questions said.

        Raises UnknownVersion unless it is there and in Staging.
        """
        version = await self._versions.get(version_id)
        if version.stage is not Stage.STAGING:
            raise UnknownVersion(
                f"Version {version.id[-8:]} is in {version.stage}; only one in Staging can be promoted. "
                "`mlops-assistant rollback` goes back to an archived one."
            )
        await self._check(version)
        await self._indexer.promote(version)
        return await self._versions.get(version.id)

    async def roll_back(self, tell: Tell, version_id: str | None = None) -> IndexVersion:
        """Takes the latest change back, or goes back to the archived version that is named; gives what is live then.

        Raises InputError when there is nothing to go back to.
        """
        if version_id:
            return await self._go_back(await self._versions.get(version_id))
        change, pages = await self._versions.last_change()
        if not change.in_place:
            if change.before_id is None:
                raise InputError("There is nothing to roll back: this is the first index that was built.")
            return await self._go_back(await self._versions.get(change.before_id))
        live = await self._versions.get(change.version_id)
        if live.configuration != self._indexer.configuration:
            raise InputError(
                "The live index was built with another configuration than this process has. Refresh first; nothing "
                "was changed."
            )
        await self._library.put_back(
            {page.path: page.before_hash for page in pages}, {page.path: page.source for page in pages}
        )
        held = await self._library.held()
        outcome = await self._indexer.apply(live, [page.path for page in pages], held, tell, undoes=change.id)
        assert outcome.version is not None  # noqa: S101 - a change in place has one
        return outcome.version

    async def _go_back(self, version: IndexVersion) -> IndexVersion:
        if version.stage is not Stage.ARCHIVED:
            raise InputError(f"Version {version.id[-8:]} is in {version.stage}; one can go back to an archived one.")
        await self._check(version)
        live = await self._versions.production()
        now_held, then_held = await self._library.held(), await self._versions.held(version.id)
        changed = {path for path in now_held.keys() | then_held.keys() if now_held.get(path) != then_held.get(path)}
        sources = await self._library.sources_of(sorted(changed))
        await self._library.put_back({path: then_held.get(path, "") for path in changed}, sources)
        reason = f"Rolled back to version {version.id[-8:]}." if live else ""
        await self._versions.go_back(version.id, reason)
        return await self._versions.get(version.id)

    async def _check(self, version: IndexVersion) -> None:
        if not self._place.holds(version.id):
            raise UnknownVersion(f"The files of version {version.id[-8:]} are gone; nothing was changed.")
        try:
            await self._indexer.check(version)
        except IndexCorrupt as error:
            said = f"The files of version {version.id[-8:]} are damaged; nothing was changed."
            raise UnknownVersion(said, detail=error.detail) from error
