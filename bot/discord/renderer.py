"""Renders answers for Discord.

Comes in: domain events and answers. Goes out: Discord's Markdown, in parts that a message takes. Pure.
"""

import re
from itertools import groupby

from bot.rendering import EMPTY, progress, with_footer, with_stop_note
from bot.splitting import split_markdown
from core.domain.conversation import Answer
from core.domain.events import AnswerEvent
from core.errors import AssistantError

CONTENT_LIMIT = 2_000
"""Characters of a message."""

PART_LIMIT = CONTENT_LIMIT - 100

TITLE_LIMIT = 100
"""Characters of a thread's name."""

NEEDS_MENTION = (
    "I can only read messages that mention me: the message content intent of this bot is off. "
    "Mention me in each question, or ask the owner to switch the intent on in Discord's developer portal, page Bot."
)

_PINGS = re.compile(r"<(?=@[!&]?\d)|@(?=everyone|here)")
_SEPARATOR = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")


def render_progress(event: AnswerEvent, text: str) -> str:
    """What to show while an answer is being made; `text` is what was written so far."""
    return _within(defused(progress(event, text)))


def render_answer(answer: Answer) -> list[str]:
    """The messages of an answer: its text, then the note and the sources. At least one."""
    text = with_footer(tables_aligned(answer.text), answer, _link)
    return split_markdown(defused(text), PART_LIMIT) or [EMPTY]


def render_stopped(text: str) -> str:
    """What stays of an answer that its asker stopped."""
    return _within(defused(with_stop_note(text)))


def render_failure(error: AssistantError) -> str:
    """The sentence for somebody whose question failed."""
    return _within(f"⚠️ {defused(error.said)}")


def render_title(text: str) -> str:
    """The name of the thread that a question opens."""
    title = " ".join(text.split()) or "Question"
    return title if len(title) <= TITLE_LIMIT else f"{title[: TITLE_LIMIT - 1]}…"


def render_forgotten(messages: int) -> str:
    """The answer to /reset."""
    if not messages:
        return "There is no conversation here to forget. Use `/reset` in the thread or direct message to be forgotten."
    return f"Forgotten: {messages} messages. Mention me to begin again."


def render_refusal(reason: str) -> str:
    """The sentence, in private, for somebody who asked where we may not post."""
    return f"I cannot post where you asked me ({reason}). Allow me to send messages there, then ask again."


def defused(text: str) -> str:
    """The text with a zero-width space where it would ping somebody."""
    return _PINGS.sub(lambda found: found[0] + "\u200b", text)


def tables_aligned(text: str) -> str:
    """The text with its tables as aligned columns in a code block: Discord does not draw Markdown tables."""
    fenced = False
    kinds: list[tuple[bool, str]] = []
    for line in text.split("\n"):
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        kinds.append((not fenced and line.lstrip().startswith("|"), line))
    out: list[str] = []
    for is_table, group in groupby(kinds, key=lambda kind: kind[0]):
        lines = [line for _, line in group]
        out += _aligned(lines) if is_table and len(lines) > 1 else lines
    return "\n".join(out)


def _aligned(lines: list[str]) -> list[str]:
    rows = [
        [cell.strip().replace("`", "").replace("**", "") for cell in line.strip().strip("|").split("|")]
        for line in lines
        if not _SEPARATOR.match(line)
    ]
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows), default=0))]
    padded = ["  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)).rstrip() for row in rows]
    return ["```", *padded, "```"]


def _link(label: str, address: str) -> str:
    """A link in angle brackets, which keep Discord from showing a preview of the page."""
    return f"[{label}](<{address}>)"


def _within(text: str) -> str:
    return text if len(text) <= PART_LIMIT else f"{text[:PART_LIMIT]}…"
