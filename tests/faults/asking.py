"""What tests of faults ask over HTTP, and what they look for in Slack."""

import json

import httpx

from tests.emulators.language_model import Json
from tests.emulators.slack import Act, SlackDouble
from tests.serving import Assistant


async def ask(
    client: httpx.AsyncClient, assistant: Assistant, text: str, session: str = "", key: str = ""
) -> httpx.Response:
    """The reply of /chat; the same `key` is the same question."""
    body = {"message": text} | ({"session_id": session} if session else {})
    return await client.post(f"{assistant.url}/chat", json=body, headers={"Idempotency-Key": key} if key else {})


def acknowledged(slack: SlackDouble, act: Act) -> bool:
    """Whether all events of an act were taken."""
    taken = {envelope.payload["event_id"] for envelope in slack.envelopes if envelope.acks}
    return taken >= {*act.event_ids}


def shows_sources(call: Json) -> bool:
    """Whether a call puts a whole answer where its sign of life stood."""
    return "**Sources**" in json.dumps(call)
