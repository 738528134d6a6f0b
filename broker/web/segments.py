"""Segments of a path that name something: in their one spelling, or there is nothing of that name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from broker.errors import NotFound
from broker.protocol.fields import AgencyId, Id


def agency_in(request: web.Request, name: str, refusal: Callable[[], NotFound]) -> str:
    """Give the segment `name` if it is an agency id. Raises what `refusal` gives."""
    return _as(AgencyId, request.match_info[name], refusal)


def id_in(request: web.Request, name: str, refusal: Callable[[], NotFound]) -> str:
    """Give the segment `name` if it is the canonical id of a bulletin. Raises what `refusal` gives."""
    return _as(Id, request.match_info[name], refusal)


def _as(kind: Any, text: str, refusal: Callable[[], NotFound]) -> str:
    try:
        return msgspec.convert(text, kind)
    except msgspec.ValidationError:
        raise refusal() from None
