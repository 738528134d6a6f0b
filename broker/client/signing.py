"""Signed reads: RFC 9421 signatures over method, authority, path, query and (with a body) its digest.

A read has no document to sign, so the request itself is signed, with the time and a nonce: the broker takes
each once, within a minute. The signature is made by a middleware on the request as the HTTP library will send
it, so what is signed and what is sent cannot differ. Source: schemas/protocol.md, "Answers", row "read".
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from http_message_signatures import HTTPMessageSigner  # pyright: ignore[reportPrivateImportUsage]
from http_message_signatures.algorithms import ED25519  # pyright: ignore[reportPrivateImportUsage]

from broker.protocol.keys import SigningKey

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse

LABEL = "sig1"
TAG = "harkara-read"
COMPONENTS = ("@method", "@authority", "@path", "@query")
NONCE_BYTES = 18


class ReadSigner:
    """Signs each request that goes through it with `key`; `now` gives the time in µs since the epoch."""

    def __init__(self, key: SigningKey, now: Callable[[], int], body: bytes | None = None) -> None:
        self._key = key
        self._now = now
        self._body = body
        self._signer = HTTPMessageSigner(signature_algorithm=ED25519)

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Sign a request and pass it on."""
        key = self._key
        prepared = self._signer.prepare(
            request,
            key_id=key.kid.hex(),
            created=datetime.fromtimestamp(self._now() // 1_000_000, UTC),
            nonce=secrets.token_urlsafe(NONCE_BYTES),
            label=LABEL,
            tag=TAG,
            include_alg=False,
            covered_component_ids=COMPONENTS,
            body=self._body,
        )
        self._signer.apply(request, prepared, key.sign_bytes(prepared.signature_base))
        return await handler(request)
