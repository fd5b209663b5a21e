"""Reads the files that come with a question, so that they become part of it.

Comes in: names and bytes of files. Goes out: `Attachment`s without secrets, shortened to what a model can read, and the
words in them that are worth searching for. Pure. Files are read by the channels as they come, on a thread; the service
shares the room among those of a question before it stores it.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from core.answering.masking import masked
from core.domain.conversation import Attachment
from core.errors import Unreadable
from core.knowledge.extract import extract
from core.knowledge.extract.charset import decode

MAX_FILE = 3_000_000
"""Bytes of a file that are read."""

MAX_TEXT = 60_000
"""Characters that are kept of a file before those of a question are shortened together."""

ROWS = 60
"""Rows of a table that are kept: a header and enough to see what is in it."""

SEARCHED = 200
"""Characters of an error that are searched for."""

_IMAGES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_PIECE = re.compile(r".{1,50000}[^\n]*\n?", re.DOTALL)
_EXTRACTED = {".ipynb", ".pdf", ".html", ".htm"}
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_ERROR = re.compile(
    r"\b\w*(?:Error|Exception|Failure)\b|\b(?:error|fatal|failed|panic|out of memory|killed)\b", re.IGNORECASE
)
_NOISE = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*|\[[^\]]*\]|https?://\S+|(?:[\w.\-]*/){2,}[\w.\-]*|\b0x[0-9a-f]+\b"
    r"|\b(?:INFO|WARN(?:ING)?|ERROR|DEBUG|FATAL)\b:?|\b\d[\d.,:]*\b",
)


def read_attachment(name: str, media_type: str, raw: bytes) -> Attachment:
    """What is in a file, without secrets; one that cannot be read has a `problem`, in a sentence for the asker."""
    name = masked(_clean(name)) or "file"
    kind = _image_type(raw)
    if kind and len(raw) > MAX_FILE:
        return Attachment(name, kind, problem=f"{name} is too large a picture: {MAX_FILE // 10**6} MB are looked at.")
    if kind:
        return Attachment(name, kind, image=raw)
    try:
        text = _clean(_text(name, media_type, raw[:MAX_FILE]))
    except Unreadable:
        text = ""
    if not text.strip():
        return Attachment(name, media_type, problem=_problem(name, raw))
    if name.endswith((".csv", ".tsv")):
        text = _rows_left_out(text)
    return Attachment(name, media_type, _shortened(_masked(text), MAX_TEXT))


def bounded(attachments: Sequence[Attachment], characters: int) -> tuple[Attachment, ...]:
    """The attachments with at most so many characters of text in all, and a line in each gap that says how many went.

    Small ones stay whole; of large ones the beginning and the end stay, where the error of a log stands.
    """
    shares: dict[int, int] = {}
    left = characters
    by_size = sorted(range(len(attachments)), key=lambda n: len(attachments[n].text))
    for done, n in enumerate(by_size):
        shares[n] = min(len(attachments[n].text), left // (len(attachments) - done))
        left -= shares[n]
    return tuple(replace(a, text=_shortened(a.text, shares[n])) for n, a in enumerate(attachments))


def search_words(attachments: Sequence[Attachment]) -> str:
    """The last line that names an error, without times, paths and numbers; empty when there is none."""
    for attachment in attachments:
        for line in reversed(attachment.text.splitlines()):
            if _ERROR.search(line) and (words := " ".join(_NOISE.sub(" ", line).split())):
                return words[:SEARCHED]
    return ""


def unseen(attachments: Sequence[Attachment]) -> str:
    """That pictures cannot be looked at; empty when there are none."""
    names = ", ".join(attachment.name for attachment in attachments if attachment.image)
    return f"I cannot look at pictures ({names}): say what they show, or paste the text in them." if names else ""


def _image_type(raw: bytes) -> str:
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _IMAGES.items() if raw.startswith(magic)), "")


def _text(name: str, media_type: str, raw: bytes) -> str:
    """Raises Unreadable."""
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    if ending in _EXTRACTED or raw.startswith(b"%PDF-"):
        return extract(raw, name=name, media_type=media_type).text
    if b"\x00" in raw[:4096] and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("The file is no text.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:  # cut in the middle of a character, or another encoding
        return decode(raw, "")


def _problem(name: str, raw: bytes) -> str:
    if not raw.strip():
        return f"{name} is empty."
    return f"{name} could not be read: text, logs, CSV, notebooks, PDF and code can."


def _clean(text: str) -> str:
    """Without colours of a terminal and control characters, with plain ends of lines."""
    text = _ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})


def _masked(text: str) -> str:
    """A text without its secrets, before it is shortened: half a secret is not known as one.

    Masked in pieces of whole lines and whole keys, so that other threads come to their turn.
    """
    pieces: list[str] = []
    for piece in _PIECE.findall(text):
        if pieces and pieces[-1].rfind("-----BEGIN") > pieces[-1].rfind("-----END"):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return "".join(map(masked, pieces))


def _rows_left_out(text: str) -> str:
    lines = text.splitlines()
    return text if len(lines) <= ROWS else "\n".join([*lines[:ROWS], f"[{len(lines) - ROWS} more rows]"])


def _shortened(text: str, share: int) -> str:
    """The beginning and the end of a text, cut between lines where it has some."""
    if len(text) <= share:
        return text
    head, tail = text[: share // 3], text[len(text) - (share - share // 3) :] if share else ""
    head = head[: head.rfind("\n") + 1] or head
    tail = tail[tail.find("\n") + 1 :] or tail
    gap = f"[{len(text) - len(head) - len(tail)} characters left out]"
    return "\n".join(filter(None, [head.rstrip("\n"), gap, tail]))
