"""The outside over HTTP: real listeners, real clients and raw bytes."""

from __future__ import annotations
