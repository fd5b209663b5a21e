"""How times and spans are said in the console: UTC, short, without seconds where they do not matter."""

from datetime import datetime

SECOND = 1000
MINUTE = 60 * SECOND


def moment(when: datetime) -> str:
    """A point in time, such as `23 Nov 2026, 06:28 UTC`."""
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


def span(milliseconds: float) -> str:
    """How long something took, such as `12 ms`, `2.4 s` or `3 min 05 s`."""
    if milliseconds < SECOND:
        return f"{milliseconds:.0f} ms"
    if milliseconds < MINUTE:
        return f"{milliseconds / SECOND:.1f} s"
    minutes, rest = divmod(round(milliseconds / SECOND), 60)
    return f"{minutes} min {rest:02} s"


def count(number: int, noun: str) -> str:
    """A number with its noun, such as `1 message` or `1,204 passages`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
