"""Passages for the tests of this room's pure parts."""

from core.domain.knowledge import Passage

SUPPORTING = 0.8
WEAK = 0.2


def passage(
    number: int = 1, *, score: float = SUPPORTING, text: str | None = None, title: str = "", heading: str = ""
) -> Passage:
    """A passage of its own page, unless `title` names one."""
    name = title or f"Page {number}"
    return Passage(
        id=f"id-{number}",
        document=f"{name}.md",
        title=name,
        heading_path=(name, heading or f"Part {number}"),
        address=f"http://console/admin/knowledge/{number}",
        text=f"Text of passage {number}." if text is None else text,
        score=score,
    )


def passages(count: int, *, score: float = SUPPORTING) -> list[Passage]:
    return [passage(number, score=score) for number in range(1, count + 1)]
