"""Decides whether what was said is for us, and what to do about it.

Comes in: what a reader made of a message, what holds in its channel, and who has the word there. Goes out: a
`Response`. Pure; the same for every chat platform.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from bot.uploads import Upload
from core.domain.channels import ChannelSettings, Floor, Speaks
from core.domain.conversation import Question

REWORDED_SECONDS = 60.0
"""How long after it was asked a question may be reworded."""

POLITE_WORDS = 6
"""Words up to which thanks are nothing but thanks."""

_AGREED = (
    r"great|perfect|awesome|nice|cool|super|wow|yes|got it|ok(?:ay)?|that (?:helps|helped|works|worked)|works|solved"
    r"|fixed it|makes sense"
)
_THANKED = (
    r"(?:many |a lot of )?(?:thanks|thank you|thank u|thx|tysm|ty|cheers|kudos|danke|merci|gracias|obrigado|grazie)\b.*"
)
_SIGNS = r"👍|🙏|❤️?|🎉|:\+1:|:pray:|:heart:|:tada:"
_THANKS = re.compile(rf"^\W*(?:(?:{_AGREED}|ah|oh)\W+)*(?:{_THANKED}|(?:{_AGREED}|{_SIGNS})\W*)$", re.IGNORECASE)
_STOP = re.compile(r"^\W*(?:please )?(?:stop|cancel|abort|halt|stopp)\W*(?:please)?\W*$", re.IGNORECASE)
_ASKING = re.compile(
    r"[?\uff1f\u061f\u2047]|^\W*(?:and |but |so |ok(?:ay)?,? )?(?:how|what|why|when|where|which|who|whose|can|could"
    r"|does|do|did|is|are|was|should|would|will|any(?:one|body)? know|explain|show|tell|give|list|compare|describe"
    r"|summari[sz]e|help)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Heard:
    """Something that was said where we can hear it.

    `mentioned` and `direct` say that it was said to us, `to_others` that it was said to somebody else. It stands
    `in_thread` or at the top of its channel. `bot` is the id of the bot that said it, if it was one; without
    `readable`, the platform keeps its text from us. `uploads` came with it.
    """

    question: Question
    direct: bool = False
    mentioned: bool = False
    in_thread: bool = False
    to_others: bool = False
    bot: str = ""
    readable: bool = True
    uploads: tuple[Upload, ...] = ()

    @property
    def addressed(self) -> bool:
        """Whether it was said to us, beyond doubt."""
        return self.direct or self.mentioned


@dataclass(frozen=True)
class Reworded:
    """A message whose text was changed: the id of its question, and what it says now."""

    event_id: str
    heard: Heard


class Response(Enum):
    """What to do about what was heard.

    `OFFER`: answer if we are sure. `DRAFT`: answer to the maintainers. `OVERHEAR`: people speak with each other.
    `ACKNOWLEDGE`: a reaction is enough. `REFUSE`: the person may not ask here.
    """

    IGNORE = auto()
    OVERHEAR = auto()
    ACKNOWLEDGE = auto()
    STOP = auto()
    ANSWER = auto()
    OFFER = auto()
    DRAFT = auto()
    REFUSE = auto()


def decide(heard: Heard, settings: ChannelSettings, floor: Floor | None) -> Response:
    """What to do; `floor` is None in a conversation that we take no part in."""
    if settings.speaks is Speaks.OFF or (heard.bot and not _may_speak(heard, settings)):
        return Response.IGNORE
    if settings.askers and heard.question.author not in settings.askers and not heard.bot:
        return Response.REFUSE if heard.addressed else Response.IGNORE
    if heard.addressed:
        return _to_us(heard, settings, floor)
    if heard.in_thread:
        return _in_thread(heard, settings, floor)
    if heard.to_others or not is_asking(heard.question.text):
        return Response.IGNORE
    return {Speaks.AUTO: Response.OFFER, Speaks.SHADOW: Response.DRAFT}.get(settings.speaks, Response.IGNORE)


def is_thanks(text: str) -> bool:
    """Whether a text only thanks, or agrees."""
    return len(text.split()) <= POLITE_WORDS and "?" not in text and _THANKS.match(text.strip()) is not None


def is_stop(text: str) -> bool:
    """Whether a text only wants that we stop."""
    return _STOP.match(text.strip()) is not None


def is_asking(text: str) -> bool:
    """Whether a text asks for something: by its question mark or its first word."""
    return _ASKING.search(text.strip()) is not None


def _may_speak(heard: Heard, settings: ChannelSettings) -> bool:
    """A bot that is allowed may ask with a mention, but not go on in our thread: two bots would never end."""
    return heard.bot in settings.bots and heard.mentioned and not heard.in_thread


def _to_us(heard: Heard, settings: ChannelSettings, floor: Floor | None) -> Response:
    text = heard.question.text
    if is_thanks(text):
        return Response.ACKNOWLEDGE
    if floor and is_stop(text):
        return Response.STOP
    return Response.DRAFT if settings.speaks is Speaks.SHADOW else Response.ANSWER


def _in_thread(heard: Heard, settings: ChannelSettings, floor: Floor | None) -> Response:
    """What to do about a message without a mention, in a thread."""
    if floor is None or floor.resolved or settings.speaks in {Speaks.MENTION, Speaks.SHADOW}:
        return Response.IGNORE
    if heard.to_others:
        return Response.OVERHEAR
    author, text = heard.question.author, heard.question.text
    known = author in floor.askers
    if known and is_stop(text):
        return Response.STOP
    if floor.taken_by and (floor.taken_by != author or not is_asking(text)):
        return Response.OVERHEAR  # they talk to each other
    if is_thanks(text):
        return Response.ACKNOWLEDGE if known else Response.OVERHEAR
    return Response.ANSWER if known or is_asking(text) else Response.OVERHEAR
