"""The tool calls of one reply, made one after the other; passages are numbered on from those of the turn.

Comes in: the requests of a model. Goes out: messages for the model, passages that may be cited, calls to store; what
happens is told on the way. Used by the graph, inside a node.
"""

import json
from collections.abc import Callable, Iterable

from langchain_core.messages import ToolMessage

from core.answering.language_models.model import ToolRequest
from core.answering.tools import Toolbox
from core.domain.conversation import ToolCall
from core.domain.events import AnswerEvent, Passages, Searching, Step
from core.domain.knowledge import Passage

Tell = Callable[[AnswerEvent], None]
"""Passes on what happens, to whoever follows the turn."""

REPEATED = "You made this very call before. Answer from what it gave."


class ToolRound:
    """Of one reply. `found` passages were numbered before it; calls that were `made` before are not made again."""

    def __init__(self, toolbox: Toolbox, found: int, made: Iterable[ToolRequest], tell: Tell) -> None:
        self.messages: list[ToolMessage] = []
        self.passages: list[Passage] = []
        self.calls: list[ToolCall] = []
        self.repeats = False
        self._toolbox = toolbox
        self._found = found
        self._tell = tell
        self._made = {_signature(request) for request in made}

    async def make(self, request: ToolRequest) -> None:
        """Uses one tool and keeps what it gives; what cannot be done is told to the model."""
        repeated = _signature(request) in self._made
        self._made.add(_signature(request))
        self.repeats |= repeated
        if repeated or request.problem:
            self._tell_model(request, request.problem or REPEATED)
            return
        first = self._found + len(self.passages) + 1
        self._tell(_announcement(request))
        use = await self._toolbox.use(request.name, request.arguments, first)
        if use.passages:
            self._tell(Passages(use.passages, first))
        self._tell_model(request, use.call.result)
        self.passages += use.passages
        self.calls.append(use.call)

    def _tell_model(self, request: ToolRequest, text: str) -> None:
        self.messages.append(ToolMessage(text, tool_call_id=request.id))


def _signature(request: ToolRequest) -> str:
    return f"{request.name} {json.dumps(request.arguments, sort_keys=True)} {request.problem}"


def _announcement(request: ToolRequest) -> AnswerEvent:
    if request.name == "search_mlops_docs":
        return Searching(str(request.arguments.get("query", "")))
    return Step("Agent", f"using {request.name}")
