"""Reads the stream of an OpenAI-compatible endpoint: bytes in, the JSON of its events out. Without any I/O.

Our own, because the client's typed events cost three times as much CPU. An endpoint that does not stream, though it was
asked to, gives one JSON text; that comes out as one event at the end.
"""

import json
from collections.abc import Iterator
from typing import Any, cast

Json = dict[str, Any]

LONGEST = 4_000_000
"""Bytes of one event, or of a reply that is not streamed."""

_DATA = b"data:"
_FIELDS = (b":", b"event:", b"id:", b"retry:")
_END = b"[DONE]"


class NoEvents(ValueError):
    """What came is no stream of JSON events; the text says what it was."""


class EventReader:
    """Of one response. `done` is set when the endpoint says that it has said all."""

    def __init__(self) -> None:
        self.done = False
        self._rest = b""
        self._loose = b""

    def feed(self, data: bytes) -> Iterator[Json]:
        """The events that are complete with these bytes. Raises NoEvents."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield from self._event(line.rstrip(b"\r"))
        if len(self._rest) > LONGEST or len(self._loose) > LONGEST:
            raise NoEvents(f"an event of more than {LONGEST:,} bytes")

    def end(self) -> Iterator[Json]:
        """What the end of the response completes. Raises NoEvents."""
        yield from self._event(self._rest.rstrip(b"\r"))
        if self._loose.strip():
            yield _parsed(self._loose)

    def _event(self, line: bytes) -> Iterator[Json]:
        if line.startswith(_DATA):
            body = line[len(_DATA) :].strip()
            if body == _END:
                self.done = True
            elif body:
                yield _parsed(body)
        elif line and not line.startswith(_FIELDS):
            self._loose += line + b"\n"


def _parsed(text: bytes) -> Json:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoEvents(text[:200].decode(errors="replace")) from error
    if not isinstance(found, dict):
        raise NoEvents(text[:200].decode(errors="replace"))
    return cast("Json", found)
