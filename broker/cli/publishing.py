"""Send a signed registry to a broker. No identity is needed: the root keys' signatures are the authority."""

from __future__ import annotations

import aiohttp

from broker.client.problems import problem_of
from broker.errors import Unreachable

TIMEOUT_S = 60


async def put_registry(url: str, body: bytes) -> None:
    """Send `{registry, entitlements}`: `PUT /v1/registry`. Raises the broker's refusal, or `Unreachable`."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    headers = {"Content-Type": "application/json"}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.put(f"{url.rstrip('/')}/v1/registry", data=body, headers=headers) as answer,
        ):
            content = await answer.read()
            if answer.status >= 300:
                raise problem_of(answer.status, content, retry_after=answer.headers.get("Retry-After"))
    except (TimeoutError, aiohttp.ClientError) as error:
        raise Unreachable(f"{url} does not answer: {error or type(error).__name__}") from None
    except ValueError:
        raise Unreachable(f"{url!r} is not an address like https://exchange.gov.pk") from None
