"""What of a model's text is shown while it is still being written.

Comes in: the pieces of one reply. Goes out: the text to show now. Pure; used by both engines.
"""

from core.answering.prompts import NOT_COVERED


class ShownText:
    """Decides what of one reply is shown.

    Nothing is while it may still turn out to be NOT_COVERED, nor when nothing retrieved supports an answer.
    """

    def __init__(self, *, supported: bool) -> None:
        self._supported = supported
        self._held: str | None = ""

    def next(self, text: str) -> str:
        """The text to show now for the next piece of the reply."""
        if not self._supported:
            return ""
        if self._held is None:
            return text
        self._held += text
        if NOT_COVERED.startswith(self._held.strip()[: len(NOT_COVERED)]):
            return ""
        text, self._held = self._held, None
        return text
