"""What Slack's refusals mean.

Comes in: errors of slack_sdk. Goes out: Slack's word for it, and whether the same call may work later. Pure.
"""

from typing import Any, cast

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError

OUT_OF_REACH = (ClientError, OSError, TimeoutError)
"""What a call raises that never reached Slack, as far as we can know."""

PASSING_STATUS = {429, *range(500, 600)}
PASSING = {"fatal_error", "internal_error", "ratelimited", "request_timeout", "service_unavailable"}
"""Slack's reasons that are over after a while; with any other, posting there will not work later either."""


def is_passing(error: SlackApiError) -> bool:
    """Whether Slack may take the same call later."""
    status: int = getattr(error.response, "status_code", 200)  # pyright: ignore[reportUnknownArgumentType]
    return status in PASSING_STATUS or reason_of(error) in PASSING


def reason_of(error: SlackApiError) -> str:
    """Slack's own word for why it refused, such as `not_in_channel`; what it says while it is down may be no JSON."""
    data: Any = getattr(error.response, "data", error.response)  # pyright: ignore[reportUnknownArgumentType]
    return str(cast("dict[str, Any]", data).get("error")) if isinstance(data, dict) else "an answer that is no JSON"
