"""Condenses the older part of a conversation into a summary, with the language model or without one.

Comes in: the summary so far and the messages to add to it. Goes out: a summary that stays short. Called by the
memories, after an answer, so that nobody waits for it.
"""

from collections.abc import Sequence

from langchain_core.messages import HumanMessage, SystemMessage

from core.answering.bill import Bill, unbilled
from core.answering.language_models.choose import language_model
from core.answering.language_models.connections import Connections
from core.answering.language_models.model import LanguageModel, Reply
from core.answering.prompts import framed_conversation, prompt, prompt_version
from core.domain.conversation import Message
from core.errors import ModelError
from core.settings import Settings

LONGEST = 2_000
"""Characters of a summary."""

QUESTION_LENGTH = 120
"""Characters of each question in a summary that is made without a language model."""


class ModelCondenser:
    """Lets the language model write the summary."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    async def condense(self, summary: str, messages: Sequence[Message], bill: Bill = unbilled) -> str:
        """The summary of all that was said up to the last of the messages. Raises ModelError."""
        asked = [SystemMessage(prompt("condense")), HumanMessage(framed_conversation(summary, messages))]
        async for item in self._model.stream(asked, prompt=prompt_version("condense"), bill=bill):
            if isinstance(item, Reply) and item.text.strip():
                return item.text.strip()[:LONGEST]
        raise ModelError("The language model gave no summary.")


class QuestionList:
    """Keeps what was asked, shortened; the newest questions when there are too many."""

    async def condense(
        self,
        summary: str,
        messages: Sequence[Message],
        bill: Bill = unbilled,  # noqa: ARG002 - it costs nothing
    ) -> str:
        """The list of questions up to the last of the messages."""
        asked = [" ".join(message.text.split())[:QUESTION_LENGTH] for message in messages if message.role == "user"]
        lines = [*summary.splitlines(), *(f"- {question}" for question in asked)]
        while sum(map(len, lines)) + len(lines) > LONGEST:
            lines.pop(0)
        return "\n".join(lines)


def build_condenser(settings: Settings, connections: Connections) -> ModelCondenser | QuestionList:
    """The condenser that the settings allow for."""
    return ModelCondenser(language_model(settings, connections)) if settings.model_endpoints else QuestionList()
