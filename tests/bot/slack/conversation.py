"""What stands in the double of Slack, and when nothing more will come."""

from typing import Any

from tests.emulators.slack import Message, SlackDouble, walk


def answered(slack: SlackDouble, thread: str, count: int = 1) -> bool:
    """Whether so many messages with sources stand in a thread."""
    return sum("**Sources**" in message.text for message in slack.bot_messages(thread_ts=thread)) >= count


async def settled(slack: SlackDouble) -> None:
    """Everything that was delivered is acknowledged, so that what is not there now will not come."""
    await slack.wait_for(lambda s: all(envelope.acks or envelope.abandoned for envelope in s.envelopes))


def buttons(message: Message) -> list[dict[str, Any]]:
    """The buttons of a message."""
    return [part for part in walk(message.blocks) if part.get("type") == "button"]
