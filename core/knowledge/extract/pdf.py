"""Reads the text of a PDF, without the lines that repeat on its pages.

Comes in: the bytes. Goes out: `Extracted`; its pages are parted by blank lines. Called by `extract`.
"""

import logging
import re
import time
from collections import Counter
from io import BytesIO

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError

from core.errors import Unreadable
from core.knowledge.extract.extracted import Extracted

MAX_PAGES = 500
"""Pages that are read of one document; the text says so when there are more."""

MAX_SECONDS = 120.0

_BROKEN_WORD = re.compile(r"(?<=[a-z])-\n(?=[a-z])")
_DIGITS = re.compile(r"\d+")
_EDGE = 2
"""Lines at the top and at the bottom of a page that can be its header or footer."""

_FEW_PAGES = 3
_LONG_TITLE = 150
_PROTECTED = "The PDF is protected with a password. Add a copy without one."
_NO_TEXT = "The PDF has no text; it looks scanned. Run a text recognition over it first."

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it reports each oddity of a file; we say the one that matters


def read_pdf(raw: bytes) -> Extracted:
    """The text of a PDF. Raises Unreadable when it is broken, protected or only pictures."""
    try:
        reader = PdfReader(BytesIO(raw))
        _open(reader)
        total = len(reader.pages)
        pages = _pages(reader)
        title = str((reader.metadata.title if reader.metadata else "") or "").strip()
    except (Unreadable, RecursionError):
        raise
    except (FileNotDecryptedError, DependencyError) as error:
        raise Unreadable(_PROTECTED, detail=str(error)) from error
    except Exception as error:  # a corrupt file surfaces as whatever the parser stumbles on
        raise Unreadable("The PDF is corrupt and cannot be read.", detail=repr(error)) from error
    text = "\n\n".join(page for page in map(_flowing, _without_repeats(pages)) if page)
    if not text:
        raise Unreadable(_NO_TEXT)
    if total > len(pages):
        text += f"\n\nOnly the first {len(pages)} of {total} pages of this document were read."
    return Extracted(title=title or text.split("\n", 1)[0].strip()[:_LONG_TITLE], text=text)


def _open(reader: PdfReader) -> None:
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable(_PROTECTED)


def _pages(reader: PdfReader) -> list[list[str]]:
    """The lines of each page."""
    pages: list[list[str]] = []
    until = time.monotonic() + MAX_SECONDS
    for page in reader.pages[:MAX_PAGES]:
        if time.monotonic() > until:
            raise Unreadable(f"The PDF takes more than {MAX_SECONDS:.0f} seconds to read. Split it.")
        lines = [line.rstrip() for line in page.extract_text().replace("\x00", "").split("\n")]
        pages.append([line for line in lines if line.strip()])
    return pages


def _without_repeats(pages: list[list[str]]) -> list[list[str]]:
    """The pages without headers and footers: lines at an edge that most pages have, whatever their numbers."""
    if len(pages) < _FEW_PAGES:
        return pages
    seen = Counter(key for page in pages for key in {_key(line) for line in page[:_EDGE] + page[-_EDGE:]})
    repeated = {key for key, times in seen.items() if times >= _FEW_PAGES and times > len(pages) / 2}
    return [_trimmed(page, repeated) for page in pages]


def _trimmed(page: list[str], repeated: set[str]) -> list[str]:
    edges = {*range(_EDGE), *range(len(page) - _EDGE, len(page))}
    return [line for number, line in enumerate(page) if number not in edges or _key(line) not in repeated]


def _key(line: str) -> str:
    return _DIGITS.sub("#", " ".join(line.split()).lower())


def _flowing(lines: list[str]) -> str:
    return _BROKEN_WORD.sub("", "\n".join(lines))
