"""The workspaces that installed the app, with their tokens, encrypted.

Comes in: what Slack's OAuth gives out, and teams. Goes out: installations and bot tokens. Used by the channel when the
app is offered to several workspaces; the tables are slack_sdk's own.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cryptography.fernet import Fernet, InvalidToken
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_sdk.oauth.installation_store import Bot, Installation
from slack_sdk.oauth.installation_store.sqlalchemy import AsyncSQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.sqlalchemy import AsyncSQLAlchemyOAuthStateStore
from slack_sdk.web.async_client import AsyncWebClient

from core.errors import ChannelError
from core.settings import Settings
from core.storage.engine import create_engine

SECRET = ("bot_token", "bot_refresh_token", "user_token", "user_refresh_token", "incoming_webhook_url")
"""Of an installation: what is stored encrypted."""

INSTALL_PATH, REDIRECT_PATH = "/slack/install", "/slack/oauth_redirect"

STATE_SECONDS = 600
"""How long an installation that was begun may take."""

T = TypeVar("T", Bot, Installation)

_log = logging.getLogger("slack_bolt")


class Installations(AsyncSQLAlchemyInstallationStore):
    """slack_sdk's store, with its tokens encrypted by Fernet (AES-128-CBC with HMAC) under SLACK_TOKEN_KEY."""

    def __init__(self, settings: Settings, installed: Callable[[str], Awaitable[None]]) -> None:
        assert settings.slack_client_id is not None  # noqa: S101 - checked with the settings
        assert settings.slack_token_key is not None  # noqa: S101
        self._fernet = Fernet(settings.slack_token_key.get_secret_value())
        self._installed = installed
        super().__init__(client_id=settings.slack_client_id, engine=create_engine(settings.sqlalchemy_url), logger=_log)
        self.states = AsyncSQLAlchemyOAuthStateStore(expiration_seconds=STATE_SECONDS, engine=self.engine, logger=_log)

    async def async_save(self, installation: Installation) -> None:
        """Stores an installation, and its bot, with their tokens encrypted."""
        sealed = Installation(**installation.to_dict())
        for name in SECRET:
            if value := getattr(sealed, name, None):
                setattr(sealed, name, self._fernet.encrypt(value.encode()).decode())
        await super().async_save(sealed)
        await self._installed(str(installation.team_id))

    async def async_find_bot(
        self, *, enterprise_id: str | None, team_id: str | None, is_enterprise_install: bool | None = False
    ) -> Bot | None:
        """The bot of a team. Raises ChannelError when SLACK_TOKEN_KEY is not the one that it was stored under."""
        found = await super().async_find_bot(
            enterprise_id=enterprise_id, team_id=team_id, is_enterprise_install=is_enterprise_install
        )
        return self._opened(found) if found else None

    async def async_find_installation(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None = None,
        is_enterprise_install: bool | None = False,
    ) -> Installation | None:
        """The latest installation of a team. Raises as `async_find_bot`."""
        found = await super().async_find_installation(
            enterprise_id=enterprise_id,
            team_id=team_id,
            user_id=user_id,
            is_enterprise_install=is_enterprise_install,
        )
        return self._opened(found) if found else None

    async def token_of(self, team: str) -> str | None:
        """The bot token of a team; None where the app is not installed."""
        bot = await self.async_find_bot(enterprise_id=None, team_id=team)
        return bot.bot_token if bot else None

    async def open(self) -> None:
        """Makes the tables, unless they are there."""
        await self.create_tables()
        await self.states.create_tables()

    async def close(self) -> None:
        """Gives the connections back."""
        await self.engine.dispose()

    def _opened(self, found: T) -> T:
        try:
            for name in SECRET:
                if value := getattr(found, name, None):
                    setattr(found, name, self._fernet.decrypt(value.encode()).decode())
        except InvalidToken as error:
            raise ChannelError(
                "The tokens of Slack's workspaces were stored under another SLACK_TOKEN_KEY. Put that one back, "
                "or install the app again in each workspace."
            ) from error
        return found


def oauth_flow(settings: Settings, store: Installations, scopes: set[str]) -> AsyncOAuthFlow:
    """What answers at `/slack/install` and `/slack/oauth_redirect`."""
    return AsyncOAuthFlow(
        client=AsyncWebClient(base_url=f"{settings.slack_api_url}/"),
        logger=_log,
        settings=AsyncOAuthSettings(
            client_id=settings.slack_client_id,
            client_secret=settings.slack_client_secret.get_secret_value() if settings.slack_client_secret else "",
            scopes=sorted(scopes),
            redirect_uri=f"{settings.address}{REDIRECT_PATH}",
            install_path=INSTALL_PATH,
            redirect_uri_path=REDIRECT_PATH,
            installation_store=store,
            installation_store_bot_only=True,
            state_store=store.states,
            state_expiration_seconds=STATE_SECONDS,
        ),
    )
