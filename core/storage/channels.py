"""Settings of channels and workspaces, and until when we listened to each.

Comes in: addresses, and settings as plain values. Goes out: what is set, one level at a time. Called by
`core.answering.presence`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from core.domain.channels import Address
from core.storage.engine import Database
from core.storage.ids import now
from core.storage.models import ChannelSettingsRow, WatchRow


class Channels:
    """The repository of channels."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settings(self, address: Address) -> list[dict[str, Any]]:
        """What is set for the workspace, then what is set for the channel."""
        query = select(ChannelSettingsRow).where(
            ChannelSettingsRow.platform == address.platform,
            ChannelSettingsRow.workspace == address.workspace,
            ChannelSettingsRow.channel.in_({"", address.channel}),
        )
        async with self._database.read() as db:
            rows = (await db.scalars(query.order_by(ChannelSettingsRow.channel))).all()
            return [row.values for row in rows]

    async def own(self, address: Address) -> dict[str, Any]:
        """What is set at this very address."""
        async with self._database.read() as db:
            row = await db.get(ChannelSettingsRow, (address.platform, address.workspace, address.channel))
            return row.values if row else {}

    async def all(self) -> list[tuple[Address, dict[str, Any]]]:
        """Every workspace and channel that has settings of its own."""
        order = (ChannelSettingsRow.platform, ChannelSettingsRow.workspace, ChannelSettingsRow.channel)
        async with self._database.read() as db:
            rows = (await db.scalars(select(ChannelSettingsRow).order_by(*order))).all()
            return [(Address(row.platform, row.workspace, row.channel), row.values) for row in rows]

    async def put(self, address: Address, values: dict[str, Any], by: str) -> None:
        """Stores what is set at an address; nothing set there removes it."""
        key = (address.platform, address.workspace, address.channel)
        async with self._database.begin() as db:
            if values:
                row = ChannelSettingsRow(
                    platform=key[0], workspace=key[1], channel=key[2], values=values, changed_by=by, changed_at=now()
                )
                await db.merge(row)
            else:
                here = (
                    ChannelSettingsRow.platform == key[0],
                    ChannelSettingsRow.workspace == key[1],
                    ChannelSettingsRow.channel == key[2],
                )
                await db.execute(delete(ChannelSettingsRow).where(*here))

    async def listened_to(self, platform: str) -> list[str]:
        """The workspaces of a platform that we ever listened to."""
        async with self._database.read() as db:
            return list(await db.scalars(select(WatchRow.workspace).where(WatchRow.platform == platform)))

    async def heard_until(self, platform: str, workspace: str) -> datetime | None:
        """Until when we listened to a workspace; None when we never did."""
        async with self._database.read() as db:
            row = await db.get(WatchRow, (platform, workspace))
            return row.heard_until if row else None

    async def listening(self, platform: str, workspace: str) -> None:
        """Notes that we listen to a workspace now."""
        async with self._database.begin() as db:
            await db.merge(WatchRow(platform=platform, workspace=workspace, heard_until=now()))
