"""Publishing a registry: the operator's act. The root keys' signatures are the authority, so no identity is
needed.
"""

from __future__ import annotations

import ssl

import msgspec

from broker.client import clock
from broker.client.transport import Transport
from broker.client.trust import REGISTRY_SECONDS
from broker.errors import Malformed
from broker.protocol import dsse, strictjson


async def publish_registry(
    url: str,
    registry: dsse.Envelope,
    entitlements: dsse.Envelope,
    *,
    tls: ssl.SSLContext | None = None,
    plain_http: bool = False,
) -> int:
    """Put a newer registry and its entitlements into force at the brokers. Gives the version.

    Raises `VersionConflict`, what verification at the broker raises, or `Unreachable`.
    """
    body = msgspec.json.encode(
        {"registry": dsse.to_json(registry), "entitlements": dsse.to_json(entitlements)}
    )
    transport = Transport(url, key=None, now=clock.now, tls=tls, plain_http=plain_http)
    try:
        answer = await transport.send("PUT", "/v1/registry", body, seconds=REGISTRY_SECONDS)
    finally:
        await transport.close()
    fields = strictjson.decode(answer.body)
    version = fields.get("version") if isinstance(fields, dict) else None
    if type(version) is not int:
        raise Malformed("the broker's answer names no version")
    return version
