"""Turns what goes wrong while fetching into a plain sentence.

Comes in: a status of HTTP, or an error of requests, urllib3, TLS or the network. Goes out: a FetchFailed. Called by
the fetcher.
"""

import errno
import socket
import ssl

from requests.exceptions import ConnectTimeout, ContentDecodingError, InvalidHeader, ReadTimeout
from urllib3.exceptions import ConnectTimeoutError, DecodeError, NameResolutionError, NewConnectionError
from urllib3.exceptions import TimeoutError as Urllib3Timeout

from core.errors import FetchFailed, PageGone, SiteDown
from core.knowledge.gathering.addresses import not_found

AGAIN = frozenset({429, 502, 503, 504})
"""Statuses that pass by themselves, and are worth another try."""
SERVER_ERROR = 500

REFUSED = {
    401: "The site wants a login for this page (401). Only public pages can be read.",
    403: "The site refuses to give this page to us (403).",
    404: "The page does not exist (404).",
    410: "The page was removed for good (410).",
    429: "The site asks for fewer requests (429). It is tried again at the next refresh.",
}


def of_status(status: int) -> FetchFailed:
    """What a status that brings no page means."""
    said = REFUSED.get(status)
    if status in {404, 410}:
        return PageGone(said or "")
    if status in AGAIN:
        return SiteDown(said or f"The site is out of order just now ({status}). It is tried again at the next refresh.")
    if status >= SERVER_ERROR:
        return FetchFailed(f"The site failed to make this page ({status}).")
    return FetchFailed(said or f"The site answered with status {status} instead of a page.")


def too_large(limit: int, *, packed: bool = False) -> FetchFailed:
    """A body over the limit, as sent or once unpacked."""
    size = f"{limit / 2**20:.0f} MB" if limit >= 2**20 else f"{limit / 2**10:.0f} KB"
    what = "unpacks to more than" if packed else "is larger than"
    return FetchFailed(f"The page {what} the limit of {size}, and was not read.")


def too_slow(host: str, seconds: float) -> FetchFailed:
    """A body that did not end in time."""
    return FetchFailed(f"{host} did not send the whole page within {seconds:g} seconds.")


def of_error(error: Exception, host: str) -> FetchFailed:
    """What an error below HTTP means."""
    causes = _causes(error)
    detail = str(error)[:500]
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cause.verify_message.rstrip(".") or "it cannot be verified"
            return FetchFailed(f"The certificate of {host} is not valid: {why}.", detail=detail)
        if isinstance(cause, ssl.SSLError):
            return FetchFailed(f"No secure connection to {host} could be made.", detail=detail)
        if isinstance(cause, NameResolutionError):
            return not_found(host, next((c for c in causes if isinstance(c, socket.gaierror)), socket.gaierror()))
        if isinstance(cause, (DecodeError, ContentDecodingError)):
            return FetchFailed(f"What {host} sent cannot be unpacked.", detail=detail)
        if isinstance(cause, InvalidHeader):
            return FetchFailed(f"{host} answered in a way that is not HTTP.", detail=detail)
    return _of_connection(causes, host, detail)


def _of_connection(causes: list[BaseException], host: str, detail: str) -> SiteDown:
    if any(isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED for cause in causes):
        return SiteDown(f"{host} refuses the connection. Check the address and the port.", detail=detail)
    if any(isinstance(cause, (TimeoutError, Urllib3Timeout, ConnectTimeout, ReadTimeout)) for cause in causes) and (
        not any(isinstance(cause, NewConnectionError) for cause in causes)
    ):
        connecting = any(isinstance(cause, (ConnectTimeoutError, ConnectTimeout)) for cause in causes)
        return SiteDown(f"{host} {'could not be reached' if connecting else 'did not answer'} in time.", detail=detail)
    if any(isinstance(cause, NewConnectionError) for cause in causes):
        return SiteDown(f"{host} cannot be reached.", detail=detail)
    return SiteDown(f"The connection to {host} broke before the page was complete.", detail=detail)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that it wraps, by any of the ways in which the libraries wrap one."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and not any(cause is seen for seen in found):
            found.append(cause)
            waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
    return found
