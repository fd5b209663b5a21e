"""What every command begins with: settings, logging, and a VAR_DIR that is ready.

Comes in: the environment. Goes out: `Settings`. Light, so that `--help` is quick: the core is imported when needed.
"""

import logging
import warnings
from typing import Any

from rich.console import Console

from core.operations.recent_log import RECENT
from core.settings import Settings, load_settings

console = Console()
complaints = Console(stderr=True)

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


def read_settings(**overrides: Any) -> Settings:
    """The settings, with logging as they say."""
    settings = load_settings(**overrides)
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    RECENT.listen()
    for chatty, level in CHATTY.items():
        logging.getLogger(chatty).setLevel(level)
    warnings.filterwarnings("ignore", module="pydantic.main")
    return settings


def prepared_settings() -> Settings:
    """The settings, with VAR_DIR made ready unless a running service has done so."""
    settings = read_settings()
    from core.bootstrap import prepare  # noqa: PLC0415 - seconds of imports, after a broken `.env` was told
    from core.operations.ownership import owner_address  # noqa: PLC0415

    if owner_address(settings) is None:
        prepare(settings, console.print)
    return settings
