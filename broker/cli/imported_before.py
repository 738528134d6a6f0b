"""An import that was posted before: the same source gives the same id, but not the same bytes.

`expires` may be counted from now, and `sent` always is, so posting a source again later, or from
another machine, would be refused as other bytes under a known id. When all else is the same it is
the same post. With an address that cannot be told (it is salted), so the refusal stands.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from broker.client.agency import Agency
from broker.client.items import Posted
from broker.errors import HarkaraError, IdConflict
from broker.protocol.text import normalised

FROM_NOW: Final = ("id", "originator", "exchange", "registry", "sent", "expires")
"""What an import does not say itself, or may count from now."""


async def posted_before(
    connection: Agency, fields: dict[str, Any], error: HarkaraError, *, addressed: bool
) -> Posted | None:
    """Give the earlier post of the same source when `error` says that there is one, else None."""
    item_id = fields.get("id")
    if not isinstance(error, IdConflict) or not isinstance(item_id, str) or addressed:
        return None
    own = await connection.fetch(connection.id, item_id)
    if own.bulletin.address_digest is not None or _said(msgspec.to_builtins(own.bulletin)) != _said(fields):
        return None
    return Posted(own.originator, own.id, own.stamp, own.evidence.stamp, repeated=True)


def _said(fields: dict[str, Any]) -> object:
    return normalised({name: value for name, value in fields.items() if name not in FROM_NOW})
