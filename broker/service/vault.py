"""The vault: what the broker keeps in the store without the store being able to read or exchange it.

Records are AES-256-GCM under keys derived from the store key, one per purpose, with a random nonce. The
associated data is the name that the record belongs to, so that a record cannot be moved to another name.
Decisions, recipients, policy openings, subscriptions and entitlements are kept like this: who is to receive
what is need-to-know itself.
"""

from __future__ import annotations

import os
from enum import Enum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from broker.errors import NotAuthentic, UnsafeConfiguration

STORE_KEY_BYTES = 32
_NONCE_BYTES = 12


class Purpose(Enum):
    """What a record is; each has a key of its own."""

    DECISION = "decision"
    RECIPIENTS = "recipients"
    OPENING = "opening"
    SUBSCRIPTION = "subscription"
    ENTITLEMENTS = "entitlements"


class Vault:
    """Encrypts and decrypts records under the store key (32 bytes), which all brokers of an exchange
    share.
    """

    def __init__(self, store_key: bytes) -> None:
        if len(store_key) != STORE_KEY_BYTES:
            raise UnsafeConfiguration(
                f"the store key has {len(store_key)} bytes, and must have {STORE_KEY_BYTES}"
            )
        self.store_key = store_key
        self._ciphers = {
            purpose: AESGCM(
                HKDFExpand(SHA256(), length=32, info=f"harkara/1 store {purpose.value}".encode()).derive(
                    store_key
                )
            )
            for purpose in Purpose
        }

    def close(self, purpose: Purpose, name: str, record: bytes) -> bytes:
        """Give `record` encrypted, bound to `name`."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._ciphers[purpose].encrypt(nonce, record, name.encode())

    def open(self, purpose: Purpose, name: str, closed: bytes) -> bytes:
        """Give what `close` was given. Raises `NotAuthentic` for anything else: the store was
        tampered with. Its words go to logs, so they do not say whose record it is.
        """
        try:
            return self._ciphers[purpose].decrypt(closed[:_NONCE_BYTES], closed[_NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError):
            raise NotAuthentic(
                f"the {purpose.value} record in the store is not ours: "
                "it was changed there, or sealed under another store key"
            ) from None
