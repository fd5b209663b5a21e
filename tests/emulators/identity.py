"""Stands in for an OpenID Connect provider: discovery, authorization, tokens signed with RS256, over a real socket.

`provider.claims` is whom it sends next; `provider.spoil` changes a token before it is signed. It checks the client's
secret, the redirect, PKCE and that a code is used once.
"""

import hashlib
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import unquote, urlencode

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "assistant", "the client's secret"

Claims = dict[str, Any]


class IdentityDouble:
    """`async with IdentityDouble() as provider`; `provider.issuer` is its address."""

    def __init__(self) -> None:
        self.claims: Claims = {"sub": "1"}
        self.spoil: Callable[[Claims], Claims] = lambda claims: claims
        self.issuer = ""
        self.called: str | None = None
        self.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})
        self.signing_key = self.key
        self._codes: dict[str, Claims] = {}

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._metadata)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_get("/keys", self._keys)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.issuer = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _metadata(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.called or self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = request.query
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = {**asked}
        back = urlencode({"code": code, "state": asked["state"]})
        return web.HTTPFound(f"{asked['redirect_uri']}?{back}")

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self._codes.pop(str(form["code"]), None)
        challenge = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        name, _, secret = b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode().partition(":")
        if (
            asked is None
            or (unquote(name), unquote(secret)) != (CLIENT, SECRET)
            or form["redirect_uri"] != asked["redirect_uri"]
            or urlsafe_b64encode(challenge).decode().rstrip("=") != asked["code_challenge"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        own = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        claims = self.spoil({**own, **self.claims})
        token = jwt.encode({"alg": "RS256", "kid": "first"}, claims, self.signing_key)
        return web.json_response({"access_token": "opaque", "token_type": "Bearer", "id_token": token})
