"""A real broker and its members, as the client's tests have them."""

from __future__ import annotations

from tests.client.conftest import broker, exchange, service

__all__ = ["broker", "exchange", "service"]
