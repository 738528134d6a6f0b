"""Identities and cards as the commands make and read them: the file, its permissions, and the proof
that the keys work.
"""

from __future__ import annotations

import os
from pathlib import Path

from broker.cli import files
from broker.cli.moment import SLACK_US, whole_second
from broker.cli.refusals import MisuseError, brief
from broker.errors import HarkaraError, NotAuthentic, UnsafeConfiguration
from broker.protocol import dsse, strictjson
from broker.protocol.bulletin import Contact
from broker.protocol.card import Card, CardDocument, Role, make_card, read_card
from broker.protocol.exchange import Exchange, read_exchange
from broker.protocol.identity import Identity, OwnKey, new_identity, read_identity
from broker.protocol.keys import HPKE, SEED_BYTES, SealingKey, read_sealing_public

PROBE_BYTES = 32
"""What a test seal carries: as much as a pair key."""
PROBE_INFO = b"harkara test seal"


def make_identity(exchange: bytes, member: str, role: Role, at: int, valid: int) -> Identity:
    """Make an identity with fresh keys, valid from a little before `at` (µs) for `valid` µs."""
    start = whole_second(at)
    return new_identity(
        exchange,
        member,
        role,
        os.urandom(2 * SEED_BYTES),
        not_before=start - SLACK_US,
        not_after=start + valid,
    )


def fresh_keys(identity: Identity, at: int, valid: int) -> tuple[OwnKey, ...]:
    """Give new keys of both uses for a member that has an identity, valid from `at` (µs) for `valid` µs."""
    entropy, start = os.urandom(2 * SEED_BYTES), whole_second(at)
    return new_identity(
        identity.exchange, identity.id, identity.role, entropy, not_before=start, not_after=start + valid
    ).keys


def checked_card(identity: Identity, names: dict[str, str], contact: Contact | None) -> Card:
    """Make the card of an identity. Each sealing key first opens what was sealed to it; the card is
    read back.
    """
    for own in identity.keys:
        if isinstance(own.key, SealingKey):
            _prove(own.key)
    document = CardDocument(
        exchange=identity.exchange.hex(),
        id=identity.id,
        role=identity.role,
        names=names,
        contact=contact,
        keys=identity.card_keys(),
    )
    return read_card(make_card(document, identity.signing_keys()))


def load_identity(path: Path) -> Identity:
    """Read an identity file. Raises `UnsafeConfiguration` when others can read it, `MisuseError`
    when it is none.
    """
    content = files.read_private(path, "an identity file", "harkara keys new AGENCY makes one")
    try:
        return read_identity(content)
    except HarkaraError as error:
        raise MisuseError(f"{path} is not an identity file: {brief(error)}") from None


def load_exchange(path: Path) -> Exchange:
    """Read exchange.json. Raises `MisuseError` when it is none."""
    content = files.read(
        path, "the exchange's exchange.json", "the operator of your exchange gives it to you"
    )
    try:
        return read_exchange(content)
    except HarkaraError as error:
        raise MisuseError(f"{path} is not an exchange.json: {brief(error)}") from None


def load_card(path: Path) -> Card:
    """Read and verify a card. Raises what `read_card` raises, `MisuseError` when it is no signed
    document at all.
    """
    return read_card(load_envelope(path, "a card"))


def load_envelope(path: Path, what: str) -> dsse.Envelope:
    """Read a file that holds one signed document. Raises `MisuseError` when it does not."""
    content = files.read(path, what)
    try:
        return dsse.from_json(strictjson.decode(content, max_bytes=files.LIMIT_BYTES))
    except HarkaraError as error:
        raise MisuseError(f"{path} is not {what}: {brief(error)}") from None


def prove_sealing(card: Card) -> None:
    """Make a test seal to each sealing key of a card: one that cannot be sealed to would hurt a
    whole audience.
    """
    for key in card.keys:
        if key.sealing is not None:
            try:
                HPKE.encrypt(os.urandom(PROBE_BYTES), key.sealing, PROBE_INFO)
            except ValueError:
                raise NotAuthentic(
                    f"nothing can be sealed to the key {key.kid.hex()[:16]}… of {card.id}"
                ) from None


def _prove(key: SealingKey) -> None:
    probe = os.urandom(PROBE_BYTES)
    sealed = HPKE.encrypt(probe, read_sealing_public(key.public), PROBE_INFO)
    if key.open(sealed, PROBE_INFO) != probe:
        raise UnsafeConfiguration(
            "a new key does not open what was sealed to it: this machine computes wrongly"
        )
