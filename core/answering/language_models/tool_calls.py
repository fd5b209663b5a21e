"""Tool calls as endpoints stream them, put together and made readable where they are plainly meant.

Comes in: the deltas of a reply, and the tools that were offered. Goes out: `ToolRequest`s. Models and gateways get much
of this wrong: indices are missing or all the same, arguments are objects, Python, or JSON that was left open.
"""

import ast
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.utils.json import parse_partial_json

from core.answering.language_models.model import ToolRequest
from core.answering.language_models.sse import Json

Tools = Mapping[str, tuple[str, ...]]
"""The names of tools, each with the names of its arguments in order."""

LONGEST_ARGUMENTS = 10_000
"""Characters; longer ones are a model that runs on."""

_BOUNDED = re.compile(r"\A```\w*\s*|\s*```\Z")
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")


def request(name: str, given: Any, tools: Tools, identity: str = "") -> ToolRequest:
    """A request for a tool, with an id if it has none, and with its arguments read or a `problem`."""
    identity = identity or f"call_{uuid.uuid4().hex[:12]}"
    arguments = read_arguments(given, tools.get(name, ()))
    if arguments is None:
        return ToolRequest(identity, name, problem=f"The arguments of {name} are not valid JSON. Send an object.")
    return ToolRequest(identity, name, arguments)


def read_arguments(given: Any, names: Sequence[str]) -> dict[str, Any] | None:
    """The arguments that were given for arguments called `names`; None when nobody can tell."""
    if given is None or given == "":
        return {}
    if isinstance(given, dict):
        return cast("dict[str, Any]", given)
    if not isinstance(given, str) or len(given) > LONGEST_ARGUMENTS:
        return None
    text = _BOUNDED.sub("", given.strip())
    found: Any = _read(text)
    if isinstance(found, str) and found.lstrip().startswith("{"):
        found = _read(found)  # JSON within JSON
    if found is None and text[:1] not in {"{", "["}:
        found = {} if text in {"", "null", "None"} else text
    if isinstance(found, str | int | float) and len(names) == 1:
        return {names[0]: found}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _read(text: str) -> Any:
    """What a text says as JSON, as JSON with a comma too many, as Python, or as JSON that was left open."""
    readers = (
        lambda: json.loads(text, strict=False),
        lambda: json.loads(_TRAILING_COMMA.sub(r"\1", text), strict=False),
        lambda: ast.literal_eval(text),
        lambda: parse_partial_json(text) if text.startswith("{") else None,
        lambda: json.JSONDecoder(strict=False).raw_decode(text)[0] if text.startswith("{") else None,
    )
    for reader in readers:
        try:
            found = reader()
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        if found is not None:
            return found
    return None


@dataclass
class _Slot:
    """A call that is being put together."""

    index: int | None
    id: str
    name: str
    text: str = ""
    given: Any = None


class CallDeltas:
    """The tool calls of one reply, from their deltas."""

    def __init__(self) -> None:
        self._slots: list[_Slot] = []

    def add(self, deltas: Sequence[Json]) -> None:
        """Takes in what one event says of tool calls."""
        for delta in deltas:
            function = cast("Json", delta.get("function") or {})
            slot = self._slot(delta.get("index"), str(delta.get("id") or ""), str(function.get("name") or ""))
            arguments = function.get("arguments")
            if isinstance(arguments, str):
                slot.text += arguments if len(slot.text) <= LONGEST_ARGUMENTS else ""
            elif arguments is not None:
                slot.given = arguments

    def requests(self, tools: Tools) -> list[ToolRequest]:
        """All calls that have a name."""
        named = [slot for slot in self._slots if slot.name]
        ids = [slot.id for slot in named]
        unique = len(set(ids)) == len(ids)
        return [request(s.name, s.text if s.given is None else s.given, tools, s.id if unique else "") for s in named]

    def _slot(self, index: int | None, identity: str, name: str) -> _Slot:
        """The call that a delta goes on with, or a new one."""
        for slot in reversed(self._slots):
            same = slot.index == index if index is not None else not identity or slot.id == identity
            other = (identity and slot.id and identity != slot.id) or (name and slot.name and name != slot.name)
            begins_again = index is None and not identity and bool(name)
            if same and not other and not begins_again:
                slot.id, slot.name = slot.id or identity, slot.name or name
                return slot
        slot = _Slot(index, identity, name)
        self._slots.append(slot)
        return slot
