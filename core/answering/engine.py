"""What the graph and the crew have in common: a brief in, a stream of events out. Asked by the service."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from core.answering.bill import Bill, unbilled
from core.domain.channels import ChannelSettings
from core.domain.conversation import Attachment, Memory
from core.domain.events import AnswerEvent


@dataclass(frozen=True)
class Brief:
    """What an engine is to answer.

    `quoting` is the reason, in words, why no language model may be asked, if so; `bill` is told of the calls of one.
    `rules` are those of the channel: sources that may be used, language and tone.
    """

    question: str
    memory: Memory = field(default_factory=Memory)
    quoting: str = ""
    bill: Bill = unbilled
    attachments: tuple[Attachment, ...] = ()
    rules: ChannelSettings = field(default_factory=ChannelSettings)

    @property
    def known(self) -> str:
        """What the asker and the conversation have said already; an answer may repeat it without a source."""
        said = (message.text for message in self.memory.recent)
        attached = (attachment.text for attachment in self.attachments)
        return "\n".join([self.memory.summary, *said, self.question, *attached])


class Engine(Protocol):
    """The graph or the crew."""

    def run(self, brief: Brief) -> AsyncGenerator[AnswerEvent]:
        """Answers one question; the last event is `Completed`. Closing the stream stops all work on it."""
        ...
