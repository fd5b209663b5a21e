"""Where a conversation is held: for people, and as the address of its thread on Slack or Discord."""

from urllib.parse import quote, urlencode

from core.domain.conversation import SessionKey
from core.domain.tally import Place

PLATFORMS = {"slack": "Slack", "discord": "Discord", "http": "HTTP", "console": "Console"}


def platform_name(key: SessionKey | Place) -> str:
    """The platform, for people."""
    return PLATFORMS.get(key.platform, key.platform)


def place_name(key: SessionKey | Place) -> str:
    """Platform, workspace and channel as far as they are named, for people."""
    where = " / ".join(part for part in (key.workspace, key.channel) if part)
    return f"{platform_name(key)} · {where}" if where else platform_name(key)


def thread_address(key: SessionKey) -> str:
    """The address under which the thread opens in its platform; empty where there is none to open."""
    if key.platform == "slack" and key.channel:
        wanted = {"team": key.workspace, "channel": key.channel}
        if key.thread.replace(".", "", 1).isdecimal():
            wanted["message_ts"] = key.thread
        return f"https://slack.com/app_redirect?{urlencode(wanted)}"
    if key.platform == "discord" and key.channel:
        guild = quote(key.workspace if key.workspace.isdecimal() else "@me", safe="@")
        opened = key.thread if key.thread.isdecimal() else key.channel
        return f"https://discord.com/channels/{guild}/{quote(opened, safe='')}"
    return ""
