"""The head of a request, as bytes of anybody: target, Host, framing, query, Accept, the signature of a read.

What aiohttp's own parser refuses never comes so far, so a request is made from what it would have given.
"""

from __future__ import annotations

from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from broker.web.caller import Callers
from broker.web.negotiation import JSON, choose
from broker.web.nonces import Nonces
from broker.web.query import TARGET, read_query, whole
from broker.web.target import read_target
from tests.exchange_fixtures import FIA, NOW, make_exchange
from tests.web.reader import Signed, sign

_WORLD = make_exchange()


def _charge_nothing(agency: str) -> None:
    pass


_CALLERS = Callers(lambda: _WORLD.registry, (), "http", lambda: NOW, Nonces(), _charge_nothing)


def read_head(data: bytes) -> None:
    """Read a head whose first line is the target and whose others are fields."""
    target, *lines = data.decode("latin-1").split("\n")
    fields: CIMultiDict[str] = CIMultiDict({"Host": "localhost:8470"})
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and name.isascii() and name.replace("-", "").isalnum():
            fields.add(name, value.strip())
    request = make_mocked_request("GET", "/", headers=fields)
    # As a URL it never comes so far unread: what aiohttp cannot read is answered by 400 before.
    request._message = request._message._replace(path=target or "/")
    request[TARGET] = read_target(request, "http")
    query = read_query(request, "after", "limit")
    whole(query, "limit", least=1, most=500, default=100)
    choose(request, [JSON])
    _CALLERS.identify(request)


def seed() -> bytes:
    """Give a head that is read, up to its nonce."""
    path = "/v1/inbox?after=7&limit=10"
    how = Signed(_WORLD.signing(FIA), created=NOW / 1_000_000, nonce="n" * 16)
    fields = sign(how, "GET", "http://localhost:8470" + path)
    fields["Accept"] = "text/html;q=0.5, application/json"
    return "\n".join([path, *(f"{name}: {value}" for name, value in fields.items())]).encode("latin-1")
