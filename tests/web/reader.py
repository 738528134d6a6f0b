"""A client for tests: plain aiohttp, with the library's signer for reads. Nothing of `broker.client` or
`broker.web`.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures.algorithms import ED25519  # pyright: ignore[reportPrivateImportUsage]
from http_message_signatures.resolvers import HTTPSignatureKeyResolver
from http_message_signatures.signatures import HTTPMessageSigner
from yarl import URL

from broker.protocol.keys import SigningKey
from tests.exchange_fixtures import TestExchange

PATIENCE_S = 120.0
"""For any answer, the longest poll among them: whoever waits longer waits for ever."""
COMPONENTS = ("@method", "@authority", "@path", "@query")


@dataclass
class Signed:
    """How a request is signed; every field can be made wrong."""

    key: SigningKey
    components: tuple[str, ...] = COMPONENTS
    created: float | None = None
    nonce: str | None = field(default_factory=lambda: uuid.uuid4().hex)
    tag: str | None = "harkara-read"
    key_id: str | None = None
    authority: str | None = None
    label: str = "sig1"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body decoded."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The last part of a problem's type."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        return self.json["type"].removeprefix("urn:harkara:problem:")

    @property
    def pointers(self) -> list[str]:
        """Where the problems are."""
        return [error["pointer"] for error in self.json.get("errors", [])]


class Reader:
    """A member that talks to a broker at `base`."""

    def __init__(self, base: str, exchange: TestExchange, session: aiohttp.ClientSession) -> None:
        self.base = base
        self.exchange = exchange
        self.session = session

    @property
    def port(self) -> int:
        """The port of the listener."""
        return int(self.base.rpartition(":")[2])

    async def send(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request without a signature."""
        url = URL(self.base + path, encoded=True)
        content = None if body is None else io.BytesIO(body)
        async with self.session.request(
            method, url, data=content, headers=headers, timeout=aiohttp.ClientTimeout(total=PATIENCE_S)
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def post(
        self, path: str, body: bytes, kind: str = "application/json", method: str = "POST"
    ) -> Answer:
        """Send a document that is signed in itself."""
        return await self.send(method, path, body=body, headers={"Content-Type": kind})

    async def read(
        self,
        agency: str,
        path: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **how: Any,
    ) -> Answer:
        """Send a request signed by `agency`; `how` are fields of `Signed`."""
        signed = Signed(self.exchange.signing(agency), **how)
        own = dict(headers or {}) | ({"Content-Type": "application/json"} if body is not None else {})
        return await self.send(
            method, path, body=body, headers=sign(signed, method, self.base + path, own, body)
        )


class _Keys(HTTPSignatureKeyResolver):
    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        return self._private


class _Message:
    def __init__(self, method: str, url: str, headers: dict[str, str]) -> None:
        self.method, self.url, self.headers = method, url, headers


def sign(
    how: Signed, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> dict[str, str]:
    """Give the headers of a request, signed."""
    if how.authority is not None:
        url = str(URL(url, encoded=True).with_host(how.authority).with_port(None))
    message = _Message(method, url, dict(headers or {}))
    signer = HTTPMessageSigner(
        signature_algorithm=ED25519, key_resolver=_Keys(Ed25519PrivateKey.from_private_bytes(how.key.seed))
    )
    signer.sign(
        message,
        key_id=how.key_id or how.key.kid.hex(),
        created=None if how.created is None else datetime.fromtimestamp(how.created, UTC),
        nonce=how.nonce,
        label=how.label,
        tag=how.tag,
        include_alg=False,
        covered_component_ids=how.components,
        body=body,
    )
    return message.headers
