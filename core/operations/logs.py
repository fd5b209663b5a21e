"""What a line of the log looks like: text for people, or JSON for machines, with its turn and without secrets.

Comes in: settings, once, before anything is logged. Goes out: nothing; logging is set up. Called by `bot.starting`.
"""

import json
import logging
from datetime import UTC, datetime

from pydantic import SecretStr

from core.answering.masking import masked
from core.domain.turn_context import current_turn
from core.settings import Settings

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

SHORTEST_SECRET = 8
"""Characters; what is shorter stands in too many words."""

CHATTY = {
    "alembic": logging.WARNING,
    "apscheduler": logging.WARNING,
    "crewai": logging.ERROR,
    "crewai_core": logging.ERROR,
    "discord": logging.WARNING,
    "httpx": logging.WARNING,
    "slack_bolt": logging.ERROR,
    "uvicorn": logging.WARNING,
}
"""How loud each library may be; the rest follows LOG_LEVEL."""


def set_up_logging(settings: Settings) -> None:
    """Has everything logged to standard error, as LOG_LEVEL and LOG_FORMAT say."""
    secrets = secrets_of(settings)
    logging.basicConfig(level=settings.log_level)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonLines(secrets) if settings.log_format == "json" else TextLines(secrets))
    logging.getLogger("dbos").addHandler(logging.NullHandler())  # otherwise it brings one that prints its own way
    for chatty, level in CHATTY.items():
        logging.getLogger(chatty).setLevel(level)


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """What no line may hold, whoever logs it: the secrets that are set."""
    values = (value.get_secret_value() for _, value in settings if isinstance(value, SecretStr))
    keys = (endpoint.api_key.get_secret_value() for endpoint in settings.model_endpoints)
    return tuple(secret for secret in {*values, *keys} if len(secret) >= SHORTEST_SECRET)


class _Discreet(logging.Formatter):
    """A formatter that knows what not to say."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        super().__init__(FORMAT)
        self._secrets = secrets

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[masked: secret]")
        return masked(text)


class TextLines(_Discreet):
    """`time LEVEL logger: message [turn]`."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        context = current_turn()
        return self._without_secrets(super().format(record)) + (f" [{context.turn}]" if context else "")


class JsonLines(_Discreet):
    """An object a line: `time` (UTC), `level`, `logger`, `message`; `turn`, `platform`, `session`; `error`."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        context = current_turn()
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._without_secrets(record.getMessage()),
            "turn": context and context.turn,
            "platform": context and context.platform,
            "session": context and context.session,
            "error": self._without_secrets(self.formatException(record.exc_info)) if record.exc_info else None,
        }
        return json.dumps({name: value for name, value in line.items() if value}, ensure_ascii=False)
