"""How long a language model is waited for.

Comes in: the settings, and what has been heard of the model. Goes out: when a wait ends. Used by `endpoint.py`.
"""

import asyncio

from core.settings import Settings


class CallTime:
    """How long one call has taken, all its tries together, and how long may be waited now."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._end = self._started + settings.llm_timeout
        self._generated = 0
        self._token_due = self._started + settings.llm_first_token_timeout
        self.first_token = 0

    @property
    def milliseconds(self) -> int:
        """Since the call began."""
        return round((self._loop.time() - self._started) * 1000)

    def patience(self) -> asyncio.Timeout:
        """Bounds a wait by when the next token and the whole reply are due."""
        return asyncio.timeout_at(min(self._token_due, self._end))

    def heard(self, generated: int) -> None:
        """Notes how many characters the model has made; signs of life without one do not count."""
        if generated == self._generated:
            return
        self._generated = generated
        self.first_token = self.first_token or self.milliseconds
        self._token_due = self._loop.time() + self._settings.llm_token_timeout

    def grants(self, pause: float) -> bool:
        """Whether there is time for another try after a pause; it may take as long to begin as the first one."""
        if pause > self._settings.llm_first_token_timeout or self._loop.time() + pause >= self._end:
            return False
        self._generated, self.first_token = 0, 0
        self._token_due = self._loop.time() + pause + self._settings.llm_first_token_timeout
        return True
