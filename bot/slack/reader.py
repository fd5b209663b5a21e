"""Reads what Slack delivers.

Comes in: the payload of an event, a slash command or a shortcut. Goes out: what was `Heard`, or None when nobody spoke.
Pure: it neither asks Slack nor remembers.
"""

import html
import re
from dataclasses import replace
from typing import Any

from bot.hearing import REWORDED_SECONDS, Heard, Reworded
from bot.uploads import FILES_ALONE, Upload
from core.domain.conversation import Manner, Mode, Question, SessionKey

PLATFORM = "slack"

Payload = dict[str, Any]

_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
_GROUP = re.compile(r"<!(?:subteam\^[A-Z0-9]+|here|channel|everyone)(?:\|[^>]*)?>")
_LINK = re.compile(r"<((?:https?|mailto):[^|>]+)(?:\|([^>]*))?>")
_CHANNEL = re.compile(r"<#([A-Z0-9]+)(?:\|([^>]*))?>")
_ID = re.compile(r"<(?:[@#]|!subteam\^)([A-Z0-9]+)(?:\|[^>]*)?>")
_SPOKEN_SUBTYPES = {None, "bot_message", "file_share", "thread_broadcast"}


def read_message(event: Payload, *, team: str, bot_user: str) -> Heard | None:
    """What was said in an `app_mention` or `message` event; None for joins, edits and what we said ourselves.

    One mention arrives as both, with different event ids and the same `ts`: the question's id is made of the latter.
    """
    author = event.get("user") or event.get("bot_id")
    if event.get("subtype") not in _SPOKEN_SUBTYPES or author in {None, bot_user}:
        return None
    text, thread = str(event.get("text") or ""), event.get("thread_ts")
    direct = event.get("channel_type") == "im"
    mentioned = set(_MENTION.findall(text))
    uploads = read_uploads(event)
    said = readable(text, bot_user)
    if not (said or uploads or direct or bot_user in mentioned):
        return None  # a picture without words that we cannot fetch
    question = Question(
        session=SessionKey(PLATFORM, team, event["channel"], str(thread or ("" if direct else event["ts"]))),
        text=said or (FILES_ALONE if uploads else ""),
        event_id=question_id(team, event["channel"], event["ts"]),
        author=str(author),
    )
    return Heard(
        question,
        direct=direct,
        mentioned=bot_user in mentioned,
        in_thread=thread is not None and thread != event["ts"],
        to_others=bool(mentioned - {bot_user}) or _GROUP.search(text) is not None,
        bot=str(event.get("bot_id") or ""),
        uploads=uploads,
    )


def read_rewording(event: Payload, *, team: str, bot_user: str) -> Reworded | None:
    """A `message_changed` event in which a person changed the words of a message shortly after it was sent."""
    now: Payload = event["message"]
    before: Payload = event.get("previous_message") or {}
    edited: str = (now.get("edited") or Payload()).get("ts", "")
    if not edited or now.get("text") == before.get("text") or float(edited) - float(now["ts"]) > REWORDED_SECONDS:
        return None
    kind = {"channel": event["channel"], "channel_type": event.get("channel_type")}
    heard = read_message(now | kind, team=team, bot_user=bot_user)
    if heard is None or heard.bot:
        return None
    old = heard.question.event_id
    return Reworded(old, replace(heard, question=replace(heard.question, event_id=f"{old}:edit:{edited}")))


def read_deletion(event: Payload, *, team: str) -> str:
    """The id of the question that a message was which a `message_deleted` event tells of."""
    return question_id(team, event["channel"], event["deleted_ts"])


def read_command(command: Payload, *, mode: Mode) -> Question:
    """The question of a slash command, which its asker alone is answered."""
    trigger = command["trigger_id"]
    return Question(
        session=SessionKey(PLATFORM, command["team_id"], command["channel_id"], f"command:{trigger}"),
        text=readable(command.get("text") or "", ""),
        event_id=f"{PLATFORM}:{command['team_id']}:command:{trigger}",
        author=command["user_id"],
        mode=mode,
        manner=Manner.PRIVATE,
    )


def read_shortcut(shortcut: Payload, *, bot_user: str) -> Heard:
    """The question that "Ask about this message" asks: the message, in its thread."""
    message, channel, team = shortcut["message"], shortcut["channel"]["id"], shortcut["team"]["id"]
    quoted = readable(str(message.get("text") or ""), bot_user)
    question = Question(
        session=SessionKey(PLATFORM, team, channel, str(message.get("thread_ts") or message["ts"])),
        text=quoted or FILES_ALONE,
        event_id=f"{PLATFORM}:{team}:shortcut:{shortcut['trigger_id']}",
        author=shortcut["user"]["id"],
    )
    return Heard(question, mentioned=True, in_thread=True, uploads=read_uploads(message))


def read_uploads(message: Payload) -> tuple[Upload, ...]:
    """The files of a message that can be downloaded."""
    files: list[Payload] = message.get("files") or []
    return tuple(
        Upload(
            str(file.get("name") or file.get("title") or "file"),
            str(file.get("url_private_download") or file.get("url_private")),
            str(file.get("mimetype") or ""),
            int(file.get("size") or 0),
        )
        for file in files
        if file.get("url_private_download") or file.get("url_private")
    )


def question_id(team: str, channel: str, ts: str) -> str:
    """The id of the question that a message asks."""
    return f"{PLATFORM}:{team}:{channel}:{ts}"


def read_stamp(question: Question) -> str:
    """The `ts` of the message that asked a question; "" where none did."""
    parts = question.event_id.split(":")
    stamp = parts[3] if len(parts) > 3 else ""  # noqa: PLR2004 - platform, team, channel, ts
    return stamp if is_stamp(stamp) else ""


def is_stamp(text: str) -> bool:
    """Whether a text is the `ts` of a message."""
    return text.replace(".", "", 1).isdecimal()


def plain_ids(text: str) -> str:
    """Channels, people and groups that somebody named, by their ids alone."""
    return _ID.sub(lambda found: found[1], html.unescape(text))


def readable(text: str, bot_user: str) -> str:
    """Slack's markup as plain text: our own mention goes, links and channels become readable."""
    text = _MENTION.sub(lambda found: "" if found[1] == bot_user else f"@{found[1]}", text)
    text = _LINK.sub(lambda found: found[2] or found[1], text)
    text = _CHANNEL.sub(lambda found: f"#{found[2] or found[1]}", text)
    return html.unescape(text).strip()
