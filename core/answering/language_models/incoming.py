"""One reply while it comes in: what of it may be shown, and what it amounts to in the end.

Comes in: events of an endpoint. Goes out: text to show, tool requests, token counts. Without any I/O; fed by
`endpoint.py`.
"""

from collections.abc import Sequence
from typing import Any, cast

from core.answering.language_models.failures import STOPPED, Failed, by_status
from core.answering.language_models.model import ToolRequest
from core.answering.language_models.sse import Json
from core.answering.language_models.thinking import Spoken
from core.answering.language_models.tool_calls import CallDeltas, Tools
from core.answering.language_models.written_calls import WrittenCalls
from core.errors import ModelError

LONGEST = 40_000
"""Characters of a reply; what goes on after them is not read."""

TOO_LONG = "The answer was cut off after 40,000 characters."
CUT_OFF = "The language model reached its limit of length, so the answer may be incomplete."

_THINKING = ("reasoning_content", "reasoning", "reasoning_details", "thinking")
_ERRORS = range(400, 600)


class Incoming:
    """The reply to one request. `aloud` is as in `Spoken`; `tools` are those that the model may know."""

    def __init__(self, tools: Tools, *, aloud: bool = False) -> None:
        self.finished = ""
        self.generated = 0
        self.usage: Json = {}
        self._tools = tools
        self._spoken = Spoken(aloud=aloud)
        self._written = WrittenCalls(tools)
        self._deltas = CallDeltas()
        self._text: list[str] = []
        self._characters = 0

    @property
    def full(self) -> bool:
        """Whether the reply is as long as a reply may be."""
        return self._characters >= LONGEST

    @property
    def thought_aloud(self) -> bool:
        """Whether the reply began with thinking that no tag opened."""
        return self._spoken.thought_aloud

    @property
    def text(self) -> str:
        """All that was shown, less what turned out to be thinking."""
        return "".join(self._text)

    @property
    def note(self) -> str:
        """What people should know of the text."""
        return TOO_LONG if self.full else CUT_OFF if self.finished == "length" and self._text else ""

    @property
    def cached(self) -> int:
        """Tokens of the request that the endpoint had in its cache, if it tells."""
        details = self.usage.get("prompt_tokens_details")
        return int(cast("Json", details).get("cached_tokens") or 0) if isinstance(details, dict) else 0

    def take(self, event: Json) -> str:
        """What an event adds to the text. Raises Failed for an event that tells of an error."""
        if event.get("error") or event.get("object") == "error":
            raise _told(event)
        if usage := event.get("usage"):
            self.usage = usage
        choices = event.get("choices")
        if not choices:
            return ""
        choice: Json = choices[0]
        if choice.get("error"):
            raise _told(choice)
        self.finished = choice.get("finish_reason") or self.finished
        delta = cast("Json", choice.get("delta") or choice.get("message") or {})
        if calls := _calls(delta):
            self._deltas.add(calls)
            self.generated += len(str(calls))
        self.generated += sum(len(str(delta[key])) for key in _THINKING if delta.get(key))
        content = _content(delta.get("content"))
        return self._shown(content) if content else ""

    def finish(self) -> str:
        """What is still to be shown, now that all has come."""
        return self._kept(self._written.feed(self._spoken.finish()) + self._written.finish())

    def requests(self) -> tuple[ToolRequest, ...]:
        """The tools that are asked for, in whichever way."""
        return (*self._deltas.requests(self._tools), *self._written.requests)

    def _shown(self, content: str) -> str:
        self.generated += len(content)
        before = self._spoken.taken_back
        spoken = self._spoken.feed(content)
        if self._spoken.taken_back != before:
            self._text, self._characters, self._written = [], 0, WrittenCalls(self._tools)
        return self._kept(self._written.feed(spoken)) if spoken else ""

    def _kept(self, text: str) -> str:
        text = (text if self._text else text.lstrip())[: LONGEST - self._characters]
        if text:
            self._text.append(text)
            self._characters += len(text)
        return text


def _calls(delta: Json) -> Sequence[Json]:
    if calls := delta.get("tool_calls"):
        return cast("Sequence[Json]", calls)
    return [{"function": delta["function_call"]}] if delta.get("function_call") else []


def _content(content: Any) -> str:
    """The text of a content that is text, or a list of parts some of which are."""
    if isinstance(content, list):
        parts = cast("list[Json]", content)
        return "".join(str(part.get("text") or "") for part in parts if part.get("type") in {"text", "output_text"})
    return str(content) if content else ""


def _told(event: Json) -> Failed:
    error = event.get("error") or event
    told: Json = cast("Json", error) if isinstance(error, dict) else {"message": error}
    message, code = str(told.get("message") or told), str(told.get("code") or "")
    if code.isdigit() and int(code) in _ERRORS:
        return by_status(int(code), message)
    return Failed(ModelError(STOPPED, detail=message[:300]), again=True)
