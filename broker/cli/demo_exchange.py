"""The demonstration's exchange: made anew in a directory, with the files that the commands take.

Keys are drawn fresh each time and live as long as the demonstration.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from broker.cli import files
from broker.cli.demo_scenario import MEMBERS, Member
from broker.cli.identity_files import checked_card, make_identity
from broker.cli.moment import now, whole_second
from broker.cli.registry_draft import Draft, first_draft, signed_by, unsigned
from broker.cli.trust_files import EXCHANGE, REGISTRY, as_file
from broker.protocol import dsse
from broker.protocol.entitlements import GrantDocument
from broker.protocol.exchange import NONCE_BYTES, Exchange
from broker.protocol.head import EPOCH_BYTES
from broker.protocol.identity import Identity
from broker.protocol.keys import SEED_BYTES, SigningKey
from broker.protocol.limits import DAY_US
from broker.service.vault import STORE_KEY_BYTES
from broker.wiring import Material

NAME = "Harkara demonstration"
BROKER = "pk.exchange"
VALID_US = 7 * DAY_US


@dataclass(frozen=True, slots=True)
class DemoExchange:
    """What the broker is given, and each agency's identity file."""

    material: Material
    directory: Path
    identities: dict[str, Path]

    @property
    def registry(self) -> Path:
        """Give the registry's file."""
        return self.directory / REGISTRY


def make_demo_exchange(directory: Path) -> DemoExchange:
    """Enrol the members of the story in a new exchange, and write what their commands need below
    `directory`.
    """
    root = SigningKey.from_seed(os.urandom(SEED_BYTES))
    exchange = Exchange(NAME, os.urandom(NONCE_BYTES), (root.kid,), 1)
    at = now()
    broker = make_identity(exchange.id, BROKER, "broker", at, VALID_US)
    members = {member.id: make_identity(exchange.id, member.id, "agency", at, VALID_US) for member in MEMBERS}
    draft = _registry(exchange, root, broker, members, at)
    files.write_new(directory / EXCHANGE, exchange.document())
    files.write_new(directory / REGISTRY, as_file(draft.registry))
    written: dict[str, Path] = {}
    for member, identity in members.items():
        written[member] = directory / f"{member}.key"
        files.write_new(written[member], identity.document(), private=True)
    material = Material(exchange, broker, os.urandom(STORE_KEY_BYTES), draft.registry, draft.entitlements)
    return DemoExchange(material, directory, written)


def write_shell_files(demo: DemoExchange, url: str) -> dict[str, Path]:
    """Write, for each agency, a file to be sourced by a shell: its commands then speak as that agency."""
    written: dict[str, Path] = {}
    for member in MEMBERS:
        values = {
            "HARKARA_URL": url,
            "HARKARA_IDENTITY": str(demo.identities[member.id]),
            "HARKARA_REGISTRY": str(demo.registry),
            "HARKARA_EXCHANGE": str(demo.directory / EXCHANGE),
            "HARKARA_STATE": str(demo.directory / "desk" / member.id),
        }
        lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
        lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
        written[member.id] = demo.directory / f"as-{member.short.lower()}"
        files.write_new(written[member.id], ("\n".join(lines) + "\n").encode(), private=True)
    return written


def _registry(
    exchange: Exchange, root: SigningKey, broker: Identity, members: dict[str, Identity], at: int
) -> Draft:
    cards: list[dsse.Envelope] = [checked_card(broker, {"en": NAME}, None).envelope]
    cards += [
        checked_card(members[member.id], {"en": member.english, "ur": member.urdu}, None).envelope
        for member in MEMBERS
    ]
    first = first_draft(
        exchange,
        [root.public],
        cards,
        epoch=os.urandom(EPOCH_BYTES),
        issued=whole_second(at),
        valid=VALID_US,
        grace=DAY_US,
    )
    registry, entitlements = first.documents()
    granted = type(entitlements)(
        exchange=entitlements.exchange,
        version=entitlements.version,
        salt=entitlements.salt,
        groups=entitlements.groups,
        agencies={member.id: _grant(member) for member in MEMBERS},
    )
    return signed_by(unsigned(registry, granted), root)


def _grant(member: Member) -> GrantDocument:
    receive = {
        "categories": member.receive,
        "marking": member.marking,
        "only_named": member.only_named,
    }
    return msgspec.convert(
        {"originate": member.originate, "receive": receive, "statuses": member.statuses}, GrantDocument
    )
