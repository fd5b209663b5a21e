"""Tells Discord which commands there are, when they are others than it was told last.

Comes in: the tree of commands, and the file that keeps what was told. Goes out: a call of Discord at most. Called by
the client; Discord takes 200 new commands a day, and people's clients look stale for a while after each change.
"""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import discord
from discord import app_commands

_log = logging.getLogger(__name__)


async def register(tree: app_commands.CommandTree[Any], kept: Path) -> bool:
    """Whether Discord had to be told. That it does not take the commands is told to the log: people can still write."""
    present = mark(tree)
    if _kept(kept) == present:
        return False
    payload: list[Any] = [command.to_dict(tree) for command in tree.get_commands()]
    try:  # as `tree.sync` does, which would stumble over replies that leave out a description
        await tree.client.http.bulk_upsert_global_commands(tree.client.application_id or 0, payload=payload)
    except discord.HTTPException as error:
        _log.error("Discord did not take the commands: %s", error)
        return False
    kept.write_text(present)
    return True


def mark(tree: app_commands.CommandTree[Any]) -> str:
    """The application, and a hash of its commands as they are told to Discord."""
    commands = sorted(json.dumps(command.to_dict(tree), sort_keys=True) for command in tree.get_commands())
    return f"{tree.client.application_id} {hashlib.sha256(''.join(commands).encode()).hexdigest()}"


def _kept(kept: Path) -> str:
    return kept.read_text().strip() if kept.exists() else ""
