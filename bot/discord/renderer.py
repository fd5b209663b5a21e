"""Renders answers for Discord.

Comes in: domain events and answers. Goes out: Discord's Markdown, in parts that a message takes. Pure.
"""

import re

from bot.markdown_tables import tables_as_columns_or_lists
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


def render_progress(event: AnswerEvent, text: str) -> str:
    """What to show while an answer is being made; `text` is what was written so far."""
    return _within(defused(progress(event, text)))


def render_answer(answer: Answer) -> list[str]:
    """The messages of an answer: its text, then the note and the sources. At least one."""
    text = with_footer(tables_as_columns_or_lists(answer.text), answer, _link)
    return [part.shown for part in split_markdown(defused(text), PART_LIMIT)] or [EMPTY]


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


def _link(label: str, address: str) -> str:
    """A link in angle brackets, which keep Discord from showing a preview of the page."""
    return f"[{label}](<{address}>)"


def _within(text: str) -> str:
    return text if len(text) <= PART_LIMIT else f"{text[:PART_LIMIT]}…"
