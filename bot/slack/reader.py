"""Reads what Slack delivers.

Comes in: the payload of an event or a slash command. Goes out: a `Heard` question, or None when it is not for us. Pure:
it neither asks Slack nor remembers.
"""

import html
import re
from dataclasses import dataclass
from typing import Any

from core.domain.conversation import Mode, Question, SessionKey

PLATFORM = "slack"

Payload = dict[str, Any]

_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
_LINK = re.compile(r"<((?:https?|mailto):[^|>]+)(?:\|([^>]*))?>")
_CHANNEL = re.compile(r"<#([A-Z0-9]+)(?:\|([^>]*))?>")
_SPOKEN_SUBTYPES = {None, "file_share", "thread_broadcast"}


@dataclass(frozen=True)
class Heard:
    """A message that may be for us; one that is a `follow_up` is, if we take part in its thread."""

    question: Question
    follow_up: bool = False


def read_message(event: Payload, *, team: str, bot_user: str) -> Heard | None:
    """The question in an `app_mention` or `message` event.

    One mention arrives as both, with different event ids and the same `ts`: the question's id is made of the latter.
    """
    if not _is_spoken(event, bot_user):
        return None
    text, thread = str(event.get("text") or ""), event.get("thread_ts")
    direct = event.get("channel_type") == "im"
    mentioned = set(_MENTION.findall(text))
    addressed = direct or bot_user in mentioned
    if not addressed and (thread is None or mentioned):
        return None
    if not addressed and not text.strip():
        return None  # a picture without words among people
    question = Question(
        session=SessionKey(PLATFORM, team, event["channel"], str(thread or ("" if direct else event["ts"]))),
        text=readable(text, bot_user),
        event_id=f"{PLATFORM}:{team}:{event['channel']}:{event['ts']}",
        author=str(event["user"]),
    )
    return Heard(question, follow_up=not addressed)


def read_command(command: Payload, *, thread: str, mode: Mode) -> Question:
    """The question of a slash command; `thread` is the message under which it is answered."""
    return Question(
        session=SessionKey(PLATFORM, command["team_id"], command["channel_id"], thread),
        text=readable(command.get("text") or "", ""),
        event_id=f"{PLATFORM}:{command['team_id']}:command:{command['trigger_id']}",
        author=command["user_id"],
        mode=mode,
    )


def read_stamp(question: Question) -> str:
    """The `ts` of the message that asked a question; "" for a slash command, which is none."""
    stamp = question.event_id.rpartition(":")[2]
    return stamp if stamp.replace(".", "", 1).isdecimal() else ""


def readable(text: str, bot_user: str) -> str:
    """Slack's markup as plain text: our own mention goes, links and channels become readable."""
    text = _MENTION.sub(lambda found: "" if found[1] == bot_user else f"@{found[1]}", text)
    text = _LINK.sub(lambda found: found[2] or found[1], text)
    text = _CHANNEL.sub(lambda found: f"#{found[2] or found[1]}", text)
    return html.unescape(text).strip()


def _is_spoken(event: Payload, bot_user: str) -> bool:
    """Whether a person said this; edits, deletions, joins and bots are not."""
    if event.get("bot_id") or event.get("subtype") not in _SPOKEN_SUBTYPES:
        return False
    return event.get("user") not in {None, bot_user}
