"""The endpoint of Slack's HTTP Events API.

Comes in: requests at `/slack/events`. Goes out: bolt's replies; what bolt would answer with a crash is refused
before it. Mounted by `bot.serve`.
"""

import json

from fastapi import Request, Response
from slack_bolt.adapter.fastapi.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp

BAD_REQUEST, UNAUTHORIZED = 400, 401
STAMP_LENGTH = 12


class EventsEndpoint:
    """Slack's requests, signed with the signing secret of the app."""

    def __init__(self, app: AsyncApp) -> None:
        self._bolt = AsyncSlackRequestHandler(app)

    async def handle(self, request: Request) -> Response:
        """Bolt's reply; 401 for a time stamp that is none, 400 for a body that is no payload."""
        stamp = request.headers.get("x-slack-request-timestamp", "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= STAMP_LENGTH):
            return Response("The time stamp of the request is missing or no number.", UNAUTHORIZED)
        if not is_payload(await request.body(), request.headers.get("content-type", "")):
            return Response("The body of the request is no payload of Slack's.", BAD_REQUEST)
        return await self._bolt.handle(request)


def is_payload(body: bytes, content_type: str) -> bool:
    """Whether bolt can read a body: a form, or a JSON object."""
    if content_type.startswith("application/x-www-form-urlencoded"):
        return True
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
