"""What of a model's text is shown while it is still being written.

Comes in: what was found, then the pieces of a reply. Goes out: the text to show now. Used by both engines.
"""

from core.answering.prompts import NOT_COVERED
from core.domain.events import AnswerEvent, Passages
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE


class ShownText:
    """Holds text back while it may still be NOT_COVERED, and while nothing that was found supports an answer."""

    def __init__(self) -> None:
        self._supported = False
        self._held: str | None = ""

    def noticed(self, event: AnswerEvent) -> None:
        """Takes note of what was found."""
        if isinstance(event, Passages):
            self._supported |= any(passage.score >= SUPPORTING_SCORE for passage in event.passages)

    def begin(self) -> None:
        """Another reply begins."""
        self._held = ""

    def next(self, text: str) -> str:
        """The text to show now, for the next piece of the reply."""
        if not self._supported:
            return ""
        if self._held is None:
            return text
        self._held += text
        if NOT_COVERED.startswith(self._held.strip()[: len(NOT_COVERED)]):
            return ""
        shown, self._held = self._held, None
        return shown
