"""Reads the files that come with a question. A first version: text alone."""

from collections.abc import Sequence
from dataclasses import replace

from core.answering.masking import masked
from core.domain.conversation import Attachment

MAX_FILE = 2_000_000
MAX_IMAGE = 3_000_000


def read_attachment(name: str, media_type: str, raw: bytes) -> Attachment:
    """A file as text."""
    return Attachment(name, media_type, raw.decode(errors="replace"))


def bounded(attachments: Sequence[Attachment], characters: int) -> tuple[Attachment, ...]:
    """The attachments with at most so many characters."""
    return tuple(replace(a, text=a.text[: characters // max(1, len(attachments))]) for a in attachments)


def masked_attachments(attachments: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """The attachments without secrets."""
    return tuple(replace(a, text=masked(a.text), name=masked(a.name)) for a in attachments)


def search_words(attachments: Sequence[Attachment]) -> str:
    """What of attachments is worth searching for."""
    return ""


def unseen(attachments: Sequence[Attachment]) -> str:
    """That pictures cannot be looked at; empty when there are none."""
    names = ", ".join(attachment.name for attachment in attachments if attachment.image)
    return f"I cannot look at pictures ({names}): say what they show, or paste the text in them." if names else ""
