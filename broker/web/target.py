"""The request's target, its Host and its framing: what must be plain before a route is even looked for.

aiohttp decodes `%2f` and takes absolute-form targets with a foreign host. Our own paths need no escapes, so
a path with one names nothing here: one spelling of a resource, one signature over it, one line in a proxy's
rule. Source: RFC 9112 sections 3.2 and 6; RFC 3986 section 3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web

from broker.errors import Malformed, NotFound, Problem, shorten

_HOST: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_ABSOLUTE: Final = re.compile(r"(?i:https?)://(?P<authority>[^/?#]*)(?P<rest>[/?].*|)", re.DOTALL)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?|/")
_QUERY: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Target:
    """A target that passed: `authority` in lower case without a default port, and `path` and `query` as sent.

    `query` is None when there was no question mark. `absolute` when the request named the authority in its
    target.
    """

    authority: str
    path: str
    query: str | None
    absolute: bool

    @property
    def origin_form(self) -> str:
        """Give path and query as they were sent."""
        return self.path if self.query is None else f"{self.path}?{self.query}"


def read_target(request: web.BaseRequest, scheme: str) -> Target:
    """Read target and Host of a request, and refuse framing that two servers could read in two ways.

    Raises `Malformed`, and `NotFound` for a path that is not in its one spelling.
    """
    _check_framing(request)
    host = _host(request)
    raw = request.raw_path
    absolute = None if raw.startswith("/") else _ABSOLUTE.fullmatch(raw)
    if absolute is not None:
        host, raw = absolute["authority"], absolute["rest"]
        raw = raw if raw.startswith("/") else "/" + raw
        if _HOST.fullmatch(host) is None:
            raise _refuse("an authority in the target", "host or host:port", host, "/:path")
    elif not raw.startswith("/"):
        raise _refuse("the form of the target", "a path beginning with /", raw, "/:path")
    path, mark, query = raw.partition("?")
    if _PATH.fullmatch(path) is None:
        raise NotFound("there is no such resource")
    if _QUERY.fullmatch(query) is None:
        raise _refuse("the query", "RFC 3986 characters", query, "/:query")
    return Target(normalise_authority(host, scheme), path, query if mark else None, absolute is not None)


def normalise_authority(authority: str, scheme: str) -> str:
    """Give an authority in lower case without the default port of `scheme` (RFC 9421, section 2.2.3)."""
    return authority.lower().removesuffix(_DEFAULT_PORTS[scheme])


def _host(request: web.BaseRequest) -> str:
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) > 1 or (not hosts and request.version == HttpVersion11):
        raise _refuse("the Host field", "one Host field", f"{len(hosts)} of them", "/host")
    if hosts and _HOST.fullmatch(hosts[0]) is None:
        raise _refuse("the Host field", "host or host:port", hosts[0], "/host")
    return hosts[0] if hosts else ""


def _check_framing(request: web.BaseRequest) -> None:
    # The parser refuses most of this. What is left to it in one version must not pass in the next.
    if request.version not in (HttpVersion10, HttpVersion11):
        raise _refuse("the protocol", "HTTP/1.1", "another version", "")
    codings = request.headers.getall(hdrs.TRANSFER_ENCODING, [])
    lengths = request.headers.getall(hdrs.CONTENT_LENGTH, [])
    if codings and (lengths or codings != ["chunked"] or request.version != HttpVersion11):
        raise _refuse(
            "the length of the body", "chunked, or a Content-Length", "both, or another", "/transfer-encoding"
        )
    if len(lengths) > 1 or not all(length.isascii() and length.isdigit() for length in lengths):
        raise _refuse("the length of the body", "one Content-Length", "another", "/content-length")


def _refuse(what: str, expected: str, got: str, pointer: str) -> Malformed:
    return Malformed(f"{what} is not one that this server takes", Problem(pointer, expected, shorten(got)))
