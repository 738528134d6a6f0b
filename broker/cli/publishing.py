"""Send a signed registry to a broker. No identity is needed: the root keys' signatures are the authority."""

from __future__ import annotations

from pathlib import Path

from broker.cli.agency_flags import tls_context
from broker.cli.moment import now
from broker.client.transport import Transport

SECONDS = 60.0


async def put_registry(url: str, body: bytes, *, ca: Path | None, plain_http: bool) -> None:
    """Send `{registry, entitlements}`: `PUT /v1/registry`. Raises the broker's refusal, or `Unreachable`."""
    transport = Transport(url, key=None, now=now, tls=tls_context(ca), plain_http=plain_http)
    try:
        await transport.send("PUT", "/v1/registry", body, seconds=SECONDS)
    finally:
        await transport.close()
