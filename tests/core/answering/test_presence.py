"""What holds in a channel and what is worth asking there, over the small knowledge base."""

from datetime import timedelta

import pytest

from core.answering.presence import Presence, shown
from core.bootstrap import Services
from core.domain.channels import Address, ChannelSettings, Speaks
from core.domain.conversation import Answer, Mode, Question, SessionKey
from core.errors import InputError

HERE, EVERYWHERE = Address("slack", "T1", "C1"), Address("slack", "T1")
PUSH = "How do I push a model to Quillstore?"


@pytest.fixture
def presence(services: Services) -> Presence:
    return services.presence


async def test_nothing_set_means_the_defaults(presence: Presence) -> None:
    assert await presence.settings(HERE) == ChannelSettings()


async def test_each_setting_is_taken_from_the_nearest_level(presence: Presence) -> None:
    await presence.change(EVERYWHERE, "mode", "crew", "ada")
    await presence.change(EVERYWHERE, "speaks", "mention", "ada")
    await presence.change(HERE, "speaks", "auto", "ada")
    here, elsewhere = await presence.settings(HERE), await presence.settings(Address("slack", "T1", "C2"))

    assert (here.speaks, here.mode) == (Speaks.AUTO, Mode.CREW)
    assert elsewhere.speaks is Speaks.MENTION
    assert (await presence.change(HERE, "speaks", None, "ada")).speaks is Speaks.MENTION


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("speaks", "loudly", "speaks cannot be 'loudly'"),
        ("sure", "2", "between 0 and 1"),
        ("sure", "nan", "between 0 and 1"),
        ("sources", "nowhere", "There is no source nowhere"),
        ("volume", "11", "cannot be set"),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(
    presence: Presence, name: str, value: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        await presence.change(HERE, name, value, "ada")
    assert await presence.settings(HERE) == ChannelSettings()


async def test_people_are_named_with_commas_or_spaces(presence: Presence) -> None:
    settings = await presence.change(HERE, "askers", "U1, U2 U3", "ada")

    assert settings.askers == ("U1", "U2", "U3")
    assert shown(settings)["askers"] == "U1, U2, U3"


async def test_http_and_console_have_no_settings(presence: Presence) -> None:
    await presence.change(Address("http", ""), "tone", "warm", "ada")

    assert await presence.rules(SessionKey.http("s")) == ChannelSettings()


async def test_sureness_is_the_score_of_the_best_passage(presence: Presence) -> None:
    known = await presence.sureness(PUSH, ChannelSettings())
    unknown = await presence.sureness("Who won the chess championship of 1972?", ChannelSettings())

    assert 0 <= unknown < 0.5 < known <= 1


async def test_what_people_ask_comes_before_what_pages_suggest(presence: Presence, services: Services) -> None:
    assert all(example.endswith("?") for example in await presence.examples("slack", "T1"))
    for n, person in enumerate(("ada", "lin")):
        await services.turns.claim(Question(SessionKey("slack", "T1", "C1", f"{n}"), PUSH, f"slack:{n}", person))
        await services.turns.complete(f"slack:{n}", Answer("So."))

    assert (await presence.examples("slack", "T1"))[0] == PUSH
    assert PUSH not in await presence.examples("slack", "T2"), "another company"


async def test_what_was_missed_begins_when_we_last_heard_and_is_bounded(presence: Presence) -> None:
    assert await presence.missed_since("slack", "T1", timedelta(hours=6)) is None
    await presence.listening("slack", "T1")
    since = await presence.missed_since("slack", "T1", timedelta(hours=6))
    bounded = await presence.missed_since("slack", "T1", timedelta(0))

    assert since
    assert bounded
    assert since < bounded


async def test_places_are_the_channels_where_we_talk_and_their_workspaces(
    presence: Presence, services: Services
) -> None:
    await services.turns.claim(Question(SessionKey("slack", "T1", "C1", "1"), PUSH, "slack:1"))
    await services.turns.claim(Question(SessionKey.http("s"), PUSH, "http:1"))
    await presence.change(Address("discord", "5", "6"), "tone", "warm", "ada")

    assert await presence.places() == [Address("discord", "5"), Address("discord", "5", "6"), EVERYWHERE, HERE]
