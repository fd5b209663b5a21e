"""Cuts long Markdown into messages that a platform takes, without tearing a code fence.

Comes in: Markdown and a limit in characters. Goes out: parts, none over the limit; a fence that has to be cut is closed
in one part and opened again, with its language, in the next. Pure; used by both renderers.
"""

import re

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")


def split_markdown(text: str, limit: int) -> list[str]:
    """The parts of `text`, each at most `limit` characters; an empty list for an empty text."""
    parts: list[str] = []
    kept: list[str] = []
    fence: tuple[str, str] | None = None

    def size() -> int:
        return sum(len(line) + 1 for line in kept) - 1

    def cut() -> None:
        nonlocal kept
        body = "\n".join([*kept, fence[0]] if fence else kept).strip("\n")
        if body.strip():
            parts.append(body)
        kept = ["".join(fence)] if fence else []

    for line in _bounded_lines(text, limit - 80):
        closing = len(fence[0]) + 1 if fence else 0
        if kept and size() + 1 + len(line) + closing > limit:
            cut()
        fence = _fence_after(line, fence)
        kept.append(line)
    fence = None
    cut()
    return parts


def _fence_after(line: str, fence: tuple[str, str] | None) -> tuple[str, str] | None:
    """The open fence (its marks and its language) after a line."""
    found = _FENCE.match(line)
    if not found:
        return fence
    marks, info = found.groups()
    if fence is None:
        return (marks, info.rstrip()[:40])
    closes = marks[0] == fence[0][0] and len(marks) >= len(fence[0]) and not info.strip()
    return None if closes else fence


def _bounded_lines(text: str, limit: int) -> list[str]:
    """The lines of a text; one that is too long for any message is cut at spaces where it has some."""
    lines: list[str] = []
    for whole in text.split("\n"):
        line = whole
        while len(line) > limit:
            at = line.rfind(" ", limit // 2, limit)
            at = limit if at < 0 else at + 1
            lines.append(line[:at])
            line = line[at:]
        lines.append(line)
    return lines
