"""Keeps the last lines of this process's log in memory, for the console's report on a fault.

Comes in: log records. Goes out: lines without the secrets in them. Switched on where logging is set up.
"""

import logging
from collections import deque

from core.operations.logs import TextLines

LINES = 500
"""Lines that are kept."""


class RecentLog(logging.Handler):
    """A log handler that forgets all but the latest lines."""

    def __init__(self, lines: int = LINES) -> None:
        super().__init__()
        self.setFormatter(TextLines())
        self._lines: deque[str] = deque(maxlen=lines)

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a record as text."""
        self._lines.append(self.format(record))

    def listen(self) -> None:
        """Hears everything that is logged from now on."""
        logging.getLogger().addHandler(self)

    def lines(self) -> list[str]:
        """The lines, the oldest first, with secrets masked."""
        return [*self._lines]


RECENT = RecentLog()
"""That of this process, as logging itself is of the process."""
