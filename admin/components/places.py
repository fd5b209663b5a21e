"""How platforms and channels are called in the console."""

from core.domain.tally import Place

PLATFORMS = {"slack": "Slack", "discord": "Discord", "http": "HTTP", "console": "Console"}


def place_name(place: Place) -> str:
    """A channel, a workspace or a platform, as people call it."""
    platform = PLATFORMS.get(place.platform, place.platform)
    where = " / ".join(part for part in (place.workspace, place.channel) if part)
    return f"{platform} · {where}" if where else platform
