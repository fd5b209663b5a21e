"""Renders answers for Discord.

Comes in: domain events and answers. Goes out: `Post`s, Discord's Markdown in parts that a message takes, with buttons
below. Pure; `layout` makes components of them.

Limits: 4,000 characters of all text of a message, as UTF-16 counts them, and 40 components.
"""

import re
from dataclasses import dataclass, replace

from bot.markdown_tables import tables_as_columns_or_lists
from bot.rendering import (
    DEEPER,
    DISCARD,
    EMPTY,
    FILE_NAME,
    HELPFUL,
    HUMAN,
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
from bot.splitting import split_markdown, utf16
from core.answering.aftercare import Summary
from core.domain.conversation import Answer, Mode, Question, Told
from core.domain.events import AnswerEvent
from core.errors import AssistantError

TEXT_LIMIT = 4_000
"""Characters of a message."""

PART_LIMIT = TEXT_LIMIT - 500

SMALL_LIMIT = 300
"""Characters of the small line under an answer, at most."""

QUOTED = 1_000
"""Characters of a question that are quoted, at most."""

TITLE_LIMIT = 100
"""Characters of a thread's name."""

NEEDS_MENTION = (
    "I can only read messages that mention me: the message content intent of this bot is off. "
    "Mention me in each question, or ask the owner to switch the intent on in Discord's developer portal, page Bot."
)

_PINGS = re.compile(r"<(?=@[!&]?\d)|@(?=everyone|here)")


@dataclass(frozen=True)
class Press:
    """A button: what it does to what, and what it says."""

    verb: str
    value: str
    label: str


@dataclass(frozen=True)
class Post:
    """One message: its text, what stands under a line below it, a small line, and rows of buttons.

    A `file` comes with it as Markdown; where files cannot be sent, the `rest` are the messages in its place.
    """

    text: str
    below: str = ""
    small: str = ""
    rows: tuple[tuple[Press, ...], ...] = ()
    file: str = ""
    rest: tuple["Post", ...] = ()


def render_progress(event: AnswerEvent, text: str) -> str:
    """What to show while an answer is being made; `text` is what was written so far."""
    return _within(defused(progress(event, text)))


def render_working(text: str, event_id: str) -> Post:
    """A message in which an answer is being made, with the button that stops it."""
    return Post(text, rows=((Press("stop", event_id, STOP),),))


def render_stopped(text: str) -> Post:
    """What stays of an answer that its asker stopped."""
    return render_notice(with_stop_note(text))


def render_answer(answer: Answer) -> list[Post]:
    """The messages of an answer: its text, then its note and sources, and what can be done with it. At least one."""
    *earlier, last = _parts(answer)
    return [*earlier, replace(last, small=_about(answer), rows=_buttons(answer))]


def render_private(answer: Answer) -> Post:
    """An answer for the asker alone, with the button that shares it."""
    first, *more = _parts(answer)
    below = "_This is the beginning; share it to see the whole answer._" if more else first.below
    buttons = (Press("share", answer.message_id, SHARE), Press("why", answer.message_id, WHY))
    return Post(first.text, below, _about(answer), (buttons,) if answer.message_id else ())


def render_draft(question: Question, answer: Answer, link: str) -> Post:
    """A draft for the maintainers: what was asked where, what we would say, and the two decisions."""
    where = f"[A question](<{link}>)" if link else "A question"
    said = f"{where} in a channel that I only draft for:\n{_quoted(question.text)}\n\n{_parts(answer)[0].text}"
    buttons = (Press("post", answer.message_id, POST), Press("discard", answer.message_id, DISCARD))
    return Post(_first_part(said), small=_about(answer), rows=(buttons,))


def render_decided(text: str, person: str, *, posted: bool) -> Post:
    """A draft that was decided on; `text` is what it said."""
    done = "posted" if posted else "discarded"
    return Post(text, small=f"{defused(person)} {done} this."[:SMALL_LIMIT])


def render_failure(error: AssistantError) -> str:
    """The sentence for somebody whose question failed."""
    return _within(f"⚠️ {defused(error.said)}")


def render_notice(text: str) -> Post:
    """A message that only says something."""
    return Post(_within(defused(text)))


def render_question(name: str, text: str) -> Post:
    """The message under which a shared answer stands; it names the asker without a ping."""
    return Post(f"**{defused(name)}** asked:\n{_quoted(text)}")


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


def render_why(told: Told) -> Post:
    """What an answer was made of."""
    return Post(_first_part(defused(why(told, _link))))


def render_call(summary: Summary, person: str, ping: str) -> Post:
    """The message that calls a human: the only one that pings, and only the one who was set up for it."""
    said = _within(defused(call_for_human(summary, person, "")))
    return Post(f"{ping} {said}".strip())


def defused(text: str) -> str:
    """The text with a zero-width space where it would ping somebody."""
    return _PINGS.sub(lambda found: found[0] + "\u200b", text)


def _parts(answer: Answer) -> list[Post]:
    """The text and its footer as messages without buttons."""
    text, below = defused(tables_as_columns_or_lists(answer.text)), defused(footer(answer, _link))
    parts = [part.shown for part in split_markdown(text, PART_LIMIT, utf16)] or [EMPTY]
    if len(parts) > PARTS:
        whole = "\n\n".join(filter(None, [text, below]))
        note = f"_The rest is in the file {FILE_NAME}, with all of the answer._"
        rest = tuple(map(Post, parts[PARTS - 1 :]))
        return [*map(Post, parts[: PARTS - 1]), Post(note, _first_part(below), file=whole, rest=rest)]
    if below and utf16(parts[-1]) + utf16(below) > TEXT_LIMIT - SMALL_LIMIT:
        return [*map(Post, parts), Post(_first_part(below))]
    return [*map(Post, parts[:-1]), Post(parts[-1], below)]


def _buttons(answer: Answer) -> tuple[tuple[Press, ...], ...]:
    """Under an answer: a verdict, and what else can be done."""
    message_id = answer.message_id
    if not message_id:
        return ()
    verdicts = (Press("helpful", message_id, HELPFUL), Press("unhelpful", message_id, NOT_HELPFUL))
    deeper = () if answer.mode is Mode.CREW else (Press("deeper", message_id, DEEPER),)
    further = (
        Press("why", message_id, WHY),
        Press("human", message_id, HUMAN),
        Press("resolved", message_id, RESOLVED),
    )
    return (verdicts, (*deeper, *further))


def _about(answer: Answer) -> str:
    return about(answer)[:SMALL_LIMIT]


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in defused(text)[:QUOTED].splitlines())


def _link(label: str, address: str) -> str:
    """A link in angle brackets, which keep Discord from showing a preview of the page."""
    return f"[{label}](<{address}>)"


def _first_part(text: str) -> str:
    return next((part.shown for part in split_markdown(text, PART_LIMIT, utf16)), "")


def _within(text: str) -> str:
    shown = _first_part(text)
    return shown if utf16(text) <= PART_LIMIT or not shown else f"{shown}…"
