"""A line that says how something went, read out to those who do not see it. Empty lines take no room."""

from nicegui import ui


class StatusLine:
    """Made once in a page; says one sentence at a time."""

    def __init__(self) -> None:
        self._label = ui.label().classes("status").props("role=status")

    @property
    def gone(self) -> bool:
        """Whether nobody looks any more."""
        return self._label.is_deleted

    def say(self, text: str) -> None:
        """What is going on, or how it ended."""
        self._show(text, "status")

    def succeed(self, text: str) -> None:
        """What was reached."""
        self._show(text, "status well")

    def fail(self, text: str) -> None:
        """What went wrong, what was kept and what to do."""
        self._show(text, "status problem")

    def _show(self, text: str, classes: str) -> None:
        if not self.gone:
            self._label.set_text(text)
            self._label.classes(replace=classes)
