"""Which addresses are fetched, judged before a request and again at connect."""

import socket
from typing import Any

import pytest

from core.errors import AddressRefused, FetchFailed, SiteDown
from core.knowledge.gathering.addresses import check_address, guarded_session, refusal, resolve, split_address


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Lets every name lead to the next of these addresses; the last ones stay. Gives the names that were asked."""
    left, asked = list(answers), []

    def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(family[":" in at], socket.SOCK_STREAM, 6, "", (at, port)) for at in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/a",
        "gopher://example.org/",
        "//example.org/a",
        "example.org/a",
        "javascript:alert(1)",
        "",
        "http://",
        "http:///etc/passwd",
        "https://user@example.org/",
        "https://user:secret@example.org/",
        "https://@example.org/",
        "http://example.org:99999/",
        "http://example.org:0/",
        "http://[::1/",
        "http://example.org\\@127.0.0.1/",
        "http://exa mple.org/",
        "http://example.org/\r\nHost: other",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://METADATA.google.internal./",
    ],
)
@pytest.mark.parametrize("internal", [False, True])
def test_address_that_is_no_plain_web_address_is_refused(url: str, internal: bool) -> None:
    with pytest.raises(AddressRefused):
        check_address(url, internal=internal)


def test_refusal_does_not_repeat_a_password() -> None:
    with pytest.raises(AddressRefused) as told:
        split_address("https://user:secret@example.org/")
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "[::1]",
        "[fd12:3456::1]",
        "[::ffff:10.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::127.0.0.1]",
        "[2002:7f00:1::]",
        "[2001:0:4136:e378:8000:63bf:f5ff:fffe]",
        "[::127.0.0.1]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "localhost",
    ],
)
def test_private_address_in_any_spelling_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused, match=r"private network\. Mark the source as internal"):
        check_address(f"http://{host}/")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "[::1]", "[fd12::1]", "2130706433"]
)
def test_internal_source_may_lead_to_a_private_address(host: str) -> None:
    assert check_address(f"http://{host}:8080/a", internal=True)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.170.2",
        "2852039166",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::169.254.169.254]",
        "[2002:a9fe:a9fe::]",
        "0.0.0.0",  # noqa: S104 - refused, not bound
        "0",
        "[::]",
        "224.0.0.1",
        "[ff02::1]",
        "255.255.255.255",
    ],
)
@pytest.mark.parametrize("internal", [False, True])
def test_metadata_and_link_local_are_refused_even_to_internal_sources(host: str, internal: bool) -> None:
    with pytest.raises(AddressRefused, match="never fetched"):
        check_address(f"http://{host}/latest/meta-data/", internal=internal)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_public_address_passes(address: str) -> None:
    assert refusal(address, internal=False) == ""


def test_name_that_leads_to_this_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["127.0.0.1"])
    with pytest.raises(AddressRefused, match=r"docs\.example leads to 127\.0\.0\.1"):
        check_address("https://docs.example/")


def test_one_private_address_among_public_ones_refuses_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(AddressRefused):
        resolve("docs.example", 443, internal=False)


def test_name_that_changes_its_meaning_in_between_is_refused_at_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = names(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    check_address("http://docs.example/")
    with pytest.raises(AddressRefused, match="leads to 127"):
        guarded_session(internal=False, seconds=5).get("http://docs.example/", timeout=5)
    assert asked == ["docs.example", "docs.example"]


def test_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://10.0.0.1:3128")
    names(monkeypatch, ["127.0.0.1"])
    with pytest.raises(AddressRefused, match=r"docs\.example leads to 127"):
        guarded_session(internal=False, seconds=5).get("http://docs.example/", timeout=5)


def test_proxy_that_is_given_is_refused() -> None:
    session = guarded_session(internal=False, seconds=5)
    with pytest.raises(AddressRefused, match="directly"):
        session.get("http://docs.example/", proxies={"http": "http://93.184.216.34:3128"}, timeout=5)


def test_name_without_an_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(FetchFailed, match=r"The name docs\.example was not found"):
        check_address("https://docs.example/")


def test_name_service_that_is_down_may_be_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", down)
    with pytest.raises(SiteDown):
        check_address("https://docs.example/")


def test_name_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(AddressRefused):
        check_address(f"http://{'a' * 64}.example/")
