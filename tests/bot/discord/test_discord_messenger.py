"""What makes a repeated post the same message, and what does not."""

from bot.discord.messenger import NONCE_LENGTH, _nonce
from core.domain.conversation import Question, SessionKey

IDS = ["discord:1", "discord:2", "discord:1:crew", "discord:2:crew", "discord:1:edit:2", "discord:interaction:1"]


def question(event_id: str) -> Question:
    return Question(SessionKey("discord", "1", "2", "3"), "What is DVC?", event_id)


def test_no_two_messages_have_the_same_nonce() -> None:
    nonces = [_nonce(question(event_id), part) for event_id in IDS for part in (0, 1, "again")]

    assert len(set(nonces)) == len(nonces)
    assert all(len(nonce) <= NONCE_LENGTH for nonce in nonces)


def test_repeated_message_has_the_same_nonce() -> None:
    assert _nonce(question(IDS[0]), 1) == _nonce(question(IDS[0]), 1)
