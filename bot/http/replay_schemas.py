"""What a replay looks like over the wire."""

from typing import Self

from pydantic import BaseModel, Field

from core.answering.replay import Difference, Replay
from core.domain.conversation import Answer


class DifferenceReply(BaseModel):
    """Something that was one way then and is another way now."""

    what: str
    then: str
    now: str

    @classmethod
    def of(cls, difference: Difference) -> Self:
        """The reply for a difference."""
        return cls(what=difference.what, then=difference.then, now=difference.now)


class RunReply(BaseModel):
    """What one of the two runs took."""

    response: str
    model: str
    milliseconds: int
    tokens: int
    cost: int = Field(description="In micro-dollars.")
    timings: dict[str, int] = Field(description="Milliseconds by stage.")

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """The reply for an answer."""
        return cls(
            response=answer.text,
            model=answer.model,
            milliseconds=answer.milliseconds or sum(answer.trace.timings.values()),
            tokens=answer.trace.tokens,
            cost=answer.trace.cost,
            timings=answer.trace.timings,
        )


class ReplayReply(BaseModel):
    """A question that was answered again; `text` is a unified diff of both answers, line by line."""

    message_id: str
    question: str
    then: RunReply
    now: RunReply
    differences: list[DifferenceReply]
    text: list[str]

    @classmethod
    def of(cls, replay: Replay) -> Self:
        """The reply for a replay."""
        return cls(
            message_id=replay.told.message_id,
            question=replay.told.question.text,
            then=RunReply.of(replay.told.answer),
            now=RunReply.of(replay.answer),
            differences=[DifferenceReply.of(difference) for difference in replay.differences],
            text=list(replay.text),
        )
