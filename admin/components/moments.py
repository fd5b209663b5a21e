"""How times, spans and paces are said in the console: UTC, short, without seconds where they do not matter."""

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


def pace(rate: float, unit: str) -> str:
    """How fast something goes, such as `38 pages/s` or `0.4 pages/s`."""
    return f"{rate:,.0f} {unit}/s" if rate >= 10 else f"{rate:.1f} {unit}/s"  # noqa: PLR2004 - two digits tell enough


def time_left(seconds: float) -> str:
    """How long something will take, no more precisely than can be known: `about 40 s left`."""
    if seconds < 10:  # noqa: PLR2004 - below, each new estimate would be another number
        return "a few seconds left"
    if seconds < 100:  # noqa: PLR2004 - in tens of seconds
        return f"about {round(seconds, -1):.0f} s left"
    return f"about {seconds / 60:.0f} min left"


def dollars(micro: int) -> str:
    """What something cost, such as `$0.0042` or `$12.50`; `micro` is in millionths of a dollar."""
    amount = micro / 1_000_000
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"
