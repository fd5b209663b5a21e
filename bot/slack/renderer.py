"""Renders answers for Slack.

Comes in: domain events and answers. Goes out: Markdown, in parts that Slack takes, and blocks around it. Pure.
"""

import re
from typing import Any

from bot.rendering import EMPTY, STOP, progress, with_footer, with_stop_note
from bot.splitting import split_markdown
from core.domain.conversation import Answer
from core.domain.events import AnswerEvent
from core.errors import AssistantError

MARKDOWN_LIMIT = 12_000
"""Characters of `markdown_text`, and of all Markdown blocks of a message."""

PART_LIMIT = MARKDOWN_LIMIT - 500

STOP_ACTION = "stop"

_PINGS = re.compile(r"<(?=[!@](?:channel|here|everyone|subteam|[UW][A-Z0-9]))|@(?=(?:channel|here|everyone)\b)")


def render_progress(event: AnswerEvent, text: str) -> str:
    """What to show while an answer is being made; `text` is what was written so far."""
    return _within(defused(progress(event, text)))


def render_said(text: str) -> list[dict[str, Any]]:
    """The blocks of a message that says `text` and nothing else."""
    return [{"type": "markdown", "text": text}]


def render_working(text: str, event_id: str) -> list[dict[str, Any]]:
    """The blocks of a message in which an answer is being made, with the button that stops it."""
    button = {
        "type": "button",
        "action_id": STOP_ACTION,
        "value": event_id,
        "text": {"type": "plain_text", "text": STOP},
    }
    return [*render_said(text), {"type": "actions", "elements": [button]}]


def render_stopped(text: str) -> str:
    """What stays of an answer that its asker stopped."""
    return _within(defused(with_stop_note(text)))


def render_answer(answer: Answer) -> list[str]:
    """The messages of an answer: its text, then the note and the sources. At least one."""
    text = with_footer(answer.text, answer, _link)
    return [part.shown for part in split_markdown(defused(text), PART_LIMIT)] or [EMPTY]


def render_failure(error: AssistantError) -> str:
    """The sentence for somebody whose question failed."""
    return f":warning: {defused(error.said)}"


def render_question(name: str, text: str) -> str:
    """The message under which a slash command is answered; it names the asker without a ping."""
    quoted = "\n".join(f"> {line}" for line in defused(text)[:3000].splitlines())
    return f"**{defused(name)}** asks:\n{quoted}"


def render_refusal(reason: str) -> str:
    """The sentence, for the asker alone, when we may not post where a slash command was used."""
    return f"I cannot post here ({reason}). Invite me to this channel with `/invite`, then ask again."


def defused(text: str) -> str:
    """The text with a zero-width space where it would ping somebody."""
    return _PINGS.sub(lambda found: found[0] + "\u200b", text)


def _link(label: str, address: str) -> str:
    return f"[{label}]({address})"


def _within(text: str) -> str:
    return text if len(text) <= PART_LIMIT else f"{text[:PART_LIMIT]}…"
