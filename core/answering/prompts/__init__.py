"""What models are told, and how passages are framed for them.

Comes in: questions and passages. Goes out: prompt text. The frame can be read back, which is how the extractive model
and the crew see the passages that they were given.
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from xml.sax.saxutils import escape, unescape

from core.domain.channels import ChannelSettings
from core.domain.conversation import Attachment, Message
from core.domain.knowledge import Passage

NOT_COVERED = "NOT_COVERED"
"""What a model replies when nothing supports an answer."""

_FILE = re.compile(r"(?P<full>(?P<name>\w+)\.v(?P<version>\d+))\.md")
_PASSAGE = re.compile(r'<passage n="(\d+)" score="([-\d.]+)" title="([^"]*)">\n(.*?)\n</passage>', re.DOTALL)
_QUESTION = re.compile(r"<question>\n(.*?)\n</question>", re.DOTALL)


@cache
def prompt(name: str) -> str:
    """The text of the newest version of a prompt (`agent`), or of the one that is named (`agent.v1`).

    Raises KeyError for a prompt that there is not.
    """
    file = files(__name__).joinpath(f"{prompt_version(name)}.md")
    return file.read_text(encoding="utf-8").strip()


@cache
def prompt_version(name: str) -> str:
    """The name of the newest version of a prompt, such as `agent.v1`; an exact name is its own. Raises KeyError."""
    found = [match for file in files(__name__).iterdir() if (match := _FILE.fullmatch(file.name))]
    versions = {int(match["version"]): match["full"] for match in found if name in {match["name"], match["full"]}}
    if not versions:
        raise KeyError(name)
    return versions[max(versions)]


def framed_background(summary: str) -> str:
    """What was said earlier in a conversation, condensed: between tags, and never to be cited."""
    return (
        "Earlier in this conversation, condensed. It is background that tells what is being talked about; "
        f"it supports no statement and is never cited:\n<background>\n{escape(summary)}\n</background>"
    )


def framed_conversation(summary: str, messages: Sequence[Message]) -> str:
    """What was said so far, between tags, for it to be condensed."""
    said = "\n".join(f"{message.role}: {escape(message.text)}" for message in messages)
    return f"<summary>\n{escape(summary)}\n</summary>\n<conversation>\n{said}\n</conversation>"


def framed_question(text: str) -> str:
    """A question between tags, with tags inside it made harmless."""
    return f"<question>\n{escape(text)}\n</question>"


def framed_attachments(attachments: Sequence[Attachment]) -> str:
    """Files that came with a question, each between tags, with tags inside made harmless; empty for none."""
    return "\n".join(
        f'<attachment name="{escape(a.name, {chr(34): chr(39)})}">\n{escape(a.text)}\n</attachment>'
        for a in attachments
    )


def framed_passages(passages: list[Passage], first: int = 1) -> str:
    """Numbered passages between tags, with tags inside them made harmless."""
    if not passages:
        return "(no passage was found)"
    return "\n".join(_framed(passage, number) for number, passage in enumerate(passages, first))


def channel_rules(rules: ChannelSettings) -> str:
    """What the owner of a channel wants of answers there; empty when nothing was set."""
    lines = [f"- Answer in {rules.language}, whatever the question is in."] if rules.language else []
    lines += [f"- Tone: {rules.tone}."] if rules.tone else []
    return "\n".join(["In this channel:", *lines]) if lines else ""


def agent_rules(rules: ChannelSettings, summary: str = "") -> str:
    """All that the agent is told before it is asked: its prompt, the rules of the channel, what was said long ago."""
    parts = [prompt("agent"), channel_rules(rules), framed_background(summary) if summary else ""]
    return "\n\n".join(filter(None, parts))


def agent_request(question: str, passages: Sequence[Passage], attachments: Sequence[Attachment] = ()) -> str:
    """What the agent is asked: passages, attachments and the question, each between tags."""
    parts = [framed_passages(list(passages)), framed_attachments(attachments), framed_question(question)]
    return "\n\n".join(filter(None, parts))


def read_question(text: str) -> str:
    """The question in a prompt that `framed_question` wrote; empty when there is none."""
    found = _QUESTION.findall(text)
    return unescape(found[-1]) if found else ""


def read_passages(text: str) -> list[tuple[int, float, str, str]]:
    """Number, score, title and text of each passage that a prompt shows, each number once."""
    found = {int(number): (float(score), title, body) for number, score, title, body in _PASSAGE.findall(text)}
    return [(n, score, unescape(title), unescape(body)) for n, (score, title, body) in sorted(found.items())]


def _framed(passage: Passage, number: int) -> str:
    title = " — ".join(dict.fromkeys((passage.title, *passage.heading_path[-1:])))
    return frame(number, passage.score, title, passage.text)


def frame(number: int, score: float, title: str, text: str) -> str:
    """A numbered passage between tags, with tags inside it made harmless."""
    title = escape(title, {'"': "'"})
    return f'<passage n="{number}" score="{score:.2f}" title="{title}">\n{escape(text)}\n</passage>'
