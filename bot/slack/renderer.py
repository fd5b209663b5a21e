"""Renders answers for Slack.

Comes in: domain events and answers. Goes out: `Post`s, Markdown in parts that Slack takes, with blocks around. Pure.

Limits: 12,000 characters of all Markdown blocks of a message and some 13,200 of all its blocks; 3,000 of a section.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from bot.rendering import (
    DEEPER,
    DISCARD,
    EMPTY,
    FAULTS,
    FILE_NAME,
    HELPFUL,
    HUMAN,
    JUDGED_PROMPT,
    NOT_HELPFUL,
    PARTS,
    POST,
    RESOLVED,
    SHARE,
    STOP,
    WHY,
    about,
    call_for_human,
    footer,
    progress,
    why,
    with_stop_note,
)
from bot.splitting import split_markdown
from core.answering.aftercare import Summary
from core.domain.channels import Verdict
from core.domain.conversation import Answer, Mode, Question, Told
from core.domain.events import AnswerEvent
from core.errors import AssistantError

Block = dict[str, Any]

MARKDOWN_LIMIT = 12_000
"""Characters of `markdown_text`, and of all Markdown blocks of a message."""

PART_LIMIT = MARKDOWN_LIMIT - 500

MRKDWN_LIMIT = 3_000

STOP_ACTION, FEEDBACK_ACTION, DEEPER_ACTION, WHY_ACTION, HUMAN_ACTION, RESOLVED_ACTION = (
    "stop",
    "feedback",
    "deeper",
    "why",
    "human",
    "resolved",
)
SHARE_ACTION, POST_ACTION, DISCARD_ACTION = "share", "post_draft", "discard_draft"
FAULT_VIEW = "fault"

_PINGS = re.compile(r"<(?=[!@](?:channel|here|everyone|subteam|[UW][A-Z0-9]))|@(?=(?:channel|here|everyone)\b)")
_GROUP = re.compile(r"[SUW][A-Z0-9]+")


@dataclass(frozen=True)
class Post:
    """One message: `text` is what a notification shows of its `blocks`.

    A `file` comes with it as Markdown; where files cannot be sent, the `rest` are the messages in its place.
    """

    text: str
    blocks: list[Block]
    file: str = ""
    rest: tuple["Post", ...] = ()


def render_progress(event: AnswerEvent, text: str) -> str:
    """What to show while an answer is being made; `text` is what was written so far."""
    return _within(defused(progress(event, text)))


def render_said(text: str) -> list[Block]:
    """The blocks of a message that says `text` and nothing else."""
    return [{"type": "markdown", "text": text}]


def render_stop(event_id: str) -> list[Block]:
    """The button that stops an answer."""
    return [_actions(_button(STOP, STOP_ACTION, event_id))]


def render_working(text: str, event_id: str) -> list[Block]:
    """The blocks of a message in which an answer is being made, with the button that stops it."""
    return [*render_said(text), *render_stop(event_id)]


def render_stopped(text: str) -> Post:
    """What stays of an answer that its asker stopped."""
    return _said(_within(defused(with_stop_note(text))))


def render_answer(answer: Answer) -> list[Post]:
    """The messages of an answer: its text, then its note and sources, and what can be done with it. At least one."""
    posts = _parts(answer)
    *earlier, last = posts
    return [*earlier, replace(last, blocks=[*last.blocks, *_below(answer)])]


def render_private(answer: Answer) -> Post:
    """An answer for the asker alone, with the button that shares it."""
    posts = _parts(answer)
    blocks = [*posts[0].blocks, _about(answer)]
    if len(posts) > 1:
        blocks.insert(1, _context("This is the beginning; share it to see the whole answer."))
    buttons = [_button(SHARE, SHARE_ACTION, answer.message_id), _button(WHY, WHY_ACTION, answer.message_id)]
    return Post(posts[0].text, [*blocks, _actions(*buttons)])


def render_draft(question: Question, answer: Answer, link: str) -> Post:
    """A draft for the maintainers: what was asked where, what we would say, and the two decisions."""
    asked = "\n".join(f"> {line}" for line in defused(question.text)[:MRKDWN_LIMIT].splitlines())
    where = f"[A question]({link})" if link else "A question"
    parts = _parts(answer)
    shown = split_markdown(f"{where} in a channel that I only draft for:\n{asked}\n\n{parts[0].text}", PART_LIMIT)[
        0
    ].shown
    buttons = [_button(POST, POST_ACTION, answer.message_id), _button(DISCARD, DISCARD_ACTION, answer.message_id)]
    return Post(shown, [*render_said(shown), _about(answer), _actions(*buttons)])


def render_decided(post: str, person: str, *, posted: bool) -> list[Block]:
    """A draft that was decided on; `post` is its text."""
    done = "posted" if posted else "discarded"
    return [*render_said(post), _context(f"{defused(person)} {done} this.")]


def render_failure(error: AssistantError) -> str:
    """The sentence for somebody whose question failed."""
    return f":warning: {defused(error.said)}"


def render_notice(text: str) -> Post:
    """A message that only says something."""
    return _said(_within(defused(text)))


def render_question(name: str, text: str) -> str:
    """The message under which a shared answer stands; it names the asker without a ping."""
    quoted = "\n".join(f"> {line}" for line in defused(text)[:MRKDWN_LIMIT].splitlines())
    return f"**{defused(name)}** asked:\n{quoted}"


def render_refusal(reason: str) -> str:
    """The sentence, for the asker alone, when we may not post in a channel."""
    return f"I cannot post here ({reason}). Invite me to this channel with `/invite`, then ask again."


def render_why(told: Told) -> list[Block]:
    """What an answer was made of."""
    return render_said(split_markdown(defused(why(told, _link)), PART_LIMIT)[0].shown)


def render_call(summary: Summary, person: str, helpers: str) -> Post:
    """The message that calls a human: the only one that pings, and only the group that was set up for it."""
    ping = f"<!subteam^{helpers}>" if helpers.startswith("S") else f"<@{helpers}>"
    ping = ping if _GROUP.fullmatch(helpers) else ""
    said = defused(call_for_human(summary, person, "")).strip()
    section = [{"type": "section", "text": {"type": "mrkdwn", "text": ping}}] if ping else []
    return Post(f"{ping} {said}".strip(), [*section, *render_said(said)])


def render_fault_view(message_id: str, channel: str, thread: str) -> dict[str, Any]:
    """The dialog that asks what was wrong with an answer."""
    options = [{"text": _plain(said), "value": fault.value} for fault, said in FAULTS.items()]
    reason = {"type": "static_select", "action_id": "reason", "options": options, "placeholder": _plain("Choose one")}
    comment = {"type": "plain_text_input", "action_id": "comment", "multiline": True, "max_length": 1000}
    return {
        "type": "modal",
        "callback_id": FAULT_VIEW,
        "private_metadata": f"{message_id} {channel} {thread}",
        "title": _plain(NOT_HELPFUL),
        "submit": _plain("Send"),
        "blocks": [
            {"type": "input", "block_id": "reason", "label": _plain(JUDGED_PROMPT), "element": reason},
            {
                "type": "input",
                "block_id": "comment",
                "label": _plain("What would have been right?"),
                "optional": True,
                "element": comment,
            },
        ],
    }


def defused(text: str) -> str:
    """The text with a zero-width space where it would ping somebody."""
    return _PINGS.sub(lambda found: found[0] + "\u200b", text)


def _parts(answer: Answer) -> list[Post]:
    """The text and its footer as messages without buttons."""
    text, below = defused(answer.text), defused(footer(answer, _link))
    parts = [part.shown for part in split_markdown(text, PART_LIMIT)] or [EMPTY]
    if len(parts) > PARTS:
        whole = "\n\n".join(filter(None, [text, below]))
        note = f"_The rest is in the file {FILE_NAME}, with all of the answer._"
        tail = _footed(note, below)
        rest = tuple(map(_said, parts[PARTS - 1 :]))
        return [*map(_said, parts[: PARTS - 1]), Post(tail.text, tail.blocks, whole, rest)]
    if below and len(parts[-1]) + len(below) > PART_LIMIT:
        parts.append("")
    return [*map(_said, parts[:-1]), _footed(parts[-1], below)]


def _footed(text: str, below: str) -> Post:
    shown = [part for part in (text, below[:PART_LIMIT]) if part]
    return Post("\n\n".join(shown), [block for part in shown for block in render_said(part)])


def _below(answer: Answer) -> list[Block]:
    """Under an answer: who answered, a verdict, and what else can be done."""
    message_id = answer.message_id
    if not message_id:
        return [_about(answer)]
    feedback = {
        "type": "feedback_buttons",
        "action_id": FEEDBACK_ACTION,
        "positive_button": {"text": _plain(HELPFUL), "value": f"{Verdict.HELPFUL}:{message_id}"},
        "negative_button": {"text": _plain(NOT_HELPFUL), "value": f"{Verdict.NOT_HELPFUL}:{message_id}"},
    }
    buttons = [
        _button(DEEPER, DEEPER_ACTION, message_id),
        _button(WHY, WHY_ACTION, message_id),
        _button(HUMAN, HUMAN_ACTION, message_id),
        _button(RESOLVED, RESOLVED_ACTION, message_id),
    ]
    further = buttons[1:] if answer.mode is Mode.CREW else buttons
    return [_about(answer), {"type": "context_actions", "elements": [feedback]}, _actions(*further)]


def _about(answer: Answer) -> Block:
    return _context(about(answer))


def _said(text: str) -> Post:
    return Post(text, render_said(text))


def _context(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text[:MRKDWN_LIMIT]}]}


def _actions(*elements: Block) -> Block:
    return {"type": "actions", "elements": [*elements]}


def _button(label: str, action: str, value: str) -> Block:
    return {"type": "button", "action_id": action, "value": value, "text": _plain(label)}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def _link(label: str, address: str) -> str:
    return f"[{label}]({address})"


def _within(text: str) -> str:
    return text if len(text) <= PART_LIMIT else f"{text[:PART_LIMIT]}…"
