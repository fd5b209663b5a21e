"""What every command begins with: settings, logging, and a VAR_DIR that is ready.

Comes in: the environment. Goes out: `Settings`. Light, so that `--help` is quick: the core is imported when needed.
"""

import warnings
from typing import Any

from rich.console import Console

from core.operations.logs import set_up_logging
from core.operations.recent_log import RECENT
from core.settings import Settings, load_settings

console = Console()
complaints = Console(stderr=True)


def read_settings(**overrides: Any) -> Settings:
    """The settings, with logging as they say."""
    settings = load_settings(**overrides)
    set_up_logging(settings)
    RECENT.listen()
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
