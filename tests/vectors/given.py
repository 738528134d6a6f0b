"""How the inputs of an operation are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.protocol import keys

Given = dict[str, Any]
Operation = Callable[[Given], Given]


def raw(given: Given, name: str) -> bytes:
    """Give the bytes of an input in hex."""
    return bytes.fromhex(given[name])


def signer(given: Given) -> Ed25519PublicKey:
    """Give the key of the input `signer_public`."""
    return cast(Ed25519PublicKey, keys.read_signing_public(raw(given, "signer_public")))
