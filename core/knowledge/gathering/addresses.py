"""Decides which addresses may be fetched, and keeps connections to the decision.

Comes in: a web address of a source, a redirect or a page. Goes out: the checked places to connect to, or
AddressRefused. `guarded_session` makes a requests session that checks again at the moment of connecting and connects
to exactly what was checked, so that a name cannot change its meaning in between. Called by the fetcher and by git.
"""

import ipaddress
import re
import socket
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeAlias
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.poolmanager import PoolManager
from urllib3.response import HTTPResponse

from core.errors import AddressRefused, FetchFailed, SiteDown

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Place: TypeAlias = tuple[socket.AddressFamily, tuple[Any, ...]]
"""An address family and a socket address, as `socket.connect` takes it."""

PORTS = {"http": 80, "https": 443}
PLACES_TRIED = 4
"""Of a name with many addresses, so that a dead site cannot take minutes."""

NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local, with the metadata service of most clouds
        "fe80::/10",
        "fd00:ec2::254/128",  # metadata of AWS over IPv6
        "100.100.100.200/32",  # metadata of Alibaba
        "168.63.129.16/32",  # the host agent of Azure
        "192.0.0.192/32",  # metadata of Oracle
        "0.0.0.0/8",
        "::/128",
        "240.0.0.0/4",
    )
)
NEVER_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"})
NAT64 = tuple(ipaddress.ip_network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48"))
COMPATIBLE = ipaddress.ip_network("::/96")
NOT_IN_ADDRESSES = re.compile(r"[\x00-\x20\x7f\\]")


def split_address(url: str) -> SplitResult:
    """The parts of a web address. Raises AddressRefused for anything but a plain http or https one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused(f"“{_short(url)}” is not a web address. Correct it.", detail=str(error)) from error
    if parts.scheme not in PORTS:
        raise AddressRefused(f"“{_short(url)}” is not fetched: only http:// and https:// addresses are.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(f"An address of {parts.hostname} carries a user name or password. Remove them from it.")
    if not parts.hostname or port == 0 or NOT_IN_ADDRESSES.search(url):
        raise AddressRefused(f"“{_short(url)}” is not a web address. Correct it.")
    if parts.hostname.rstrip(".") in NEVER_NAMES:
        raise AddressRefused(f"{parts.hostname} is the metadata service of a cloud, which is never fetched.")
    return parts


def check_address(url: str, *, internal: bool = False) -> list[Place]:
    """Where the address leads now, every place of it checked. Raises AddressRefused, or SiteDown without DNS."""
    parts = split_address(url)
    host = parts.hostname or ""
    try:
        return resolve(host, parts.port or PORTS[parts.scheme], internal=internal)
    except socket.gaierror as error:
        raise not_found(host, error) from error


def not_found(host: str, error: socket.gaierror) -> FetchFailed:
    """What a failed look-up of a name means."""
    if error.errno == socket.EAI_AGAIN:
        return SiteDown(f"The name {host} could not be looked up just now.", detail=str(error))
    return FetchFailed(f"The name {host} was not found. Check the address.", detail=str(error))


def resolve(host: str, port: int, *, internal: bool) -> list[Place]:
    """Looks the name up once; one place that is not allowed refuses them all."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise AddressRefused(f"“{_short(host)}” is not the name of a host. Correct it.") from error
    places: list[Place] = [(family, tuple(where)) for family, _, _, _, where in found]
    for _, where in places:
        reason = refusal(str(where[0]), internal=internal)
        if reason:
            raise AddressRefused(f"{host} leads to {where[0]}, {reason}", detail=f"port {port}")
    return places


def refusal(address: str, *, internal: bool) -> str:
    """Why nothing is fetched from an IP address; empty when it may be."""
    meanings = _meanings(ipaddress.ip_address(address.partition("%")[0]))
    if any(meant.is_multicast or any(meant in network for network in NEVER) for meant in meanings):
        return "an address that is never fetched from."
    if not internal and not all(meant.is_global for meant in meanings):
        return "an address of a private network. Mark the source as internal if that is meant."
    return ""


def _meanings(ip: Address) -> list[Address]:
    """The address and the IPv4 addresses that it wraps, by any of the ways to wrap one."""
    if isinstance(ip, ipaddress.IPv4Address):
        return [ip]
    if ip.ipv4_mapped:
        return [ip.ipv4_mapped]
    wrapped: list[Address] = [ip, *(ip.teredo or ()), *([ip.sixtofour] if ip.sixtofour else ())]
    if any(ip in network for network in NAT64) or (ip in COMPATIBLE and int(ip) > 1):
        wrapped.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return wrapped


def guarded_session(*, internal: bool, seconds: float, verify: bool | str = True) -> requests.Session:
    """A session that connects to checked places alone, without proxies, cookies or passwords of this machine."""
    session = _Session()
    session.trust_env = False
    session.verify = verify
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in PORTS:
        session.mount(f"{scheme}://", _GuardedAdapter(internal, seconds))
    return session


class _Session(requests.Session):
    """Sees no redirects: requests would read the whole body of one, without a bound, before giving it to us."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - never one
        return None


@contextmanager
def cut_after(seconds: float, shutdown: Callable[[], object]) -> Generator[threading.Event]:
    """Ends what is read from a connection when time is up: a site that drips bytes resets every other time-out."""
    fired = threading.Event()

    def cut() -> None:
        fired.set()
        with suppress(OSError, RuntimeError, ValueError):  # it ended by itself meanwhile
            shutdown()

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield fired
    finally:
        timer.cancel()


class _Guarded(HTTPConnection):
    """A connection to a checked place. The name stays in the Host header, in SNI and in the certificate's check."""

    def __init__(self, *args: Any, internal: bool = False, seconds: float = 60, **others: Any) -> None:
        super().__init__(*args, **others)
        self._internal = internal
        self._seconds = seconds

    def _new_conn(self) -> socket.socket:
        try:
            places = resolve(self._dns_host.strip("[]"), self.port, internal=self._internal)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        try:
            sock = self._first_that_answers(places[:PLACES_TRIED])
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"{self.host} took longer than {self.timeout} s") from error
        except OSError as error:
            raise NewConnectionError(self, f"{self.host}: {error}") from error
        sys.audit("http.client.connect", self, self.host, self.port)
        return sock

    def _first_that_answers(self, places: list[Place]) -> socket.socket:
        failed: OSError = OSError("the name has no address")
        for family, where in places:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(self.timeout)
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.connect(where)
            except OSError as error:
                sock.close()
                failed = error
            else:
                return sock
        raise failed

    def getresponse(self) -> HTTPResponse:
        sock = self.sock
        with cut_after(self._seconds, lambda: sock.shutdown(socket.SHUT_RD)) as late:
            try:
                return super().getresponse()
            except Exception as error:  # a socket that was shut down breaks the parser in many ways
                if late.is_set():
                    raise TimeoutError("the head of the reply took too long") from error
                raise


class _GuardedTls(_Guarded, HTTPSConnection):
    """The same over TLS."""


class _GuardedPools(PoolManager):
    def __init__(self, *, internal: bool, seconds: float, **others: Any) -> None:
        super().__init__(**others)
        self._given = {"internal": internal, "seconds": seconds}

    def _new_pool(
        self, scheme: str, host: str, port: int, request_context: dict[str, Any] | None = None
    ) -> HTTPConnectionPool:
        pool = super()._new_pool(scheme, host, port, request_context)
        pool.ConnectionCls = _GuardedTls if scheme == "https" else _Guarded  # pyright: ignore[reportAttributeAccessIssue]
        pool.conn_kw.update(self._given)
        return pool


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, internal: bool, seconds: float) -> None:
        self._given = {"internal": internal, "seconds": seconds}
        super().__init__(pool_connections=64, pool_maxsize=2)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        self.poolmanager = _GuardedPools(
            num_pools=connections, maxsize=maxsize, block=block, **self._given, **pool_kwargs
        )

    def proxy_manager_for(self, *_: Any, **__: Any) -> Any:
        raise AddressRefused("Pages are fetched directly: a proxy would choose the place in our stead.")


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:119] + "…"  # noqa: PLR2004 - what fits a line
