"""Sends people to an OpenID Connect provider and reads whom it sends back.

Comes in: settings, and the requests of the login. Goes out: an `Identity`, checked: signature, issuer, audience, nonce,
state and PKCE are Authlib's work. Whether that person is let in is decided by `People`.
"""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.starlette_client import OAuth, OAuthError
from fastapi import Request
from fastapi.responses import Response
from joserfc.errors import JoseError

from admin.guard import MOUNT
from core.domain.people import Identity, Role
from core.errors import AssistantError, InputError
from core.settings import Settings

SECONDS = 10.0
"""How long the provider may take to answer us."""

NEXT = "next"

NOT_THERE = "The identity provider cannot be reached, or is not set up as OIDC_ISSUER says. Log in with a password."

NOT_SURE = "This login could not be checked: it took too long, or began in another browser. Try again."

Claims = Mapping[str, Any]


class IdentityProvider:
    """The provider that OIDC_ISSUER names."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.oidc_client_secret
        self._issuer = settings.oidc_issuer or ""
        self._claim = settings.oidc_role_claim
        self._roles = {name.casefold(): Role(role) for name, role in settings.oidc_roles.items()}
        self._callback = f"{settings.address}{MOUNT}/login/oidc/callback"
        self.name = urlsplit(self._issuer).hostname or "the identity provider"
        self._client: Any = OAuth().register(
            "oidc",
            client_id=settings.oidc_client_id,
            client_secret=secret.get_secret_value() if secret else None,
            server_metadata_url=f"{self._issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": SECONDS},
        )

    async def send_there(self, request: Request, target: str) -> Response:
        """The redirect to the provider; `target` is remembered in the session. Raises AssistantError."""
        request.session.clear()
        request.session[NEXT] = target
        try:
            await self._check_metadata()
            return await self._client.authorize_redirect(request, self._callback)
        except (OAuthError, httpx2.HTTPError, ValueError, RuntimeError) as error:
            raise AssistantError(NOT_THERE, detail=repr(error)) from error

    async def take_back(self, request: Request) -> tuple[Identity, str]:
        """Whom the provider sent, and where they wanted to go. Raises AssistantError."""
        target = str(request.session.get(NEXT, ""))
        try:
            await self._check_metadata()
            token = await self._client.authorize_access_token(request)
        except (OAuthError, JoseError) as error:
            raise InputError(NOT_SURE, detail=repr(error)) from error
        except (httpx2.HTTPError, ValueError, RuntimeError) as error:
            raise AssistantError(NOT_THERE, detail=repr(error)) from error
        claims: Claims | None = token.get("userinfo")
        if claims is None:
            raise InputError(NOT_SURE, detail="no identity token came")
        return self._identity(claims), target

    async def _check_metadata(self) -> None:
        """An issuer speaks for itself alone."""
        metadata: Claims = await self._client.load_server_metadata()
        if str(metadata.get("issuer", "")).rstrip("/") != self._issuer:
            raise ValueError(f"the provider calls itself {metadata.get('issuer')!r}")

    def _identity(self, claims: Claims) -> Identity:
        email = str(claims.get("email", "")).casefold() if claims.get("email_verified") is True else ""
        role = self._role(claims, email)
        if self._roles and role is None:
            raise InputError("Your account has no role here. Ask an owner of this console for one.")
        name = str(claims.get("preferred_username") or email or claims["sub"])
        return Identity(f"{self._issuer} {claims['sub']}", email, name, role)

    def _role(self, claims: Claims, email: str) -> Role | None:
        """The highest role that is meant for one of the person's groups or their address."""
        named: Any = claims.get(self._claim, [])
        listed = cast("list[object]", named) if isinstance(named, list) else [named]
        groups = {str(each).casefold() for each in listed}
        roles = [role for name, role in self._roles.items() if name in groups or (name == email and email)]
        return max(roles, key=list(Role).index, default=None)
