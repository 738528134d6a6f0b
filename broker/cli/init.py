"""`harkara init`: make a new exchange, with everything that serving needs.

Files: exchange.json (given to agencies before they make cards), root.key (to be moved offline),
broker.key, store.key, registry.json and entitlements.json. Secrets are 0600, the directory 0700,
and nothing is ever overwritten: a second exchange over the first would orphan all of its members.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from broker.cli.command import command, flag
from broker.cli.files import directory_for_secrets, write_new
from broker.cli.identity_files import checked_card, make_identity
from broker.cli.moment import DURATION, now, whole_second
from broker.cli.output import remark, result
from broker.cli.parameters import AGENCY, DIRECTORY, Whole
from broker.cli.refusals import MisuseError
from broker.cli.registry_draft import Draft, first_draft, signed_by
from broker.cli.trust_files import BROKER_KEY, ENTITLEMENTS, EXCHANGE, REGISTRY, STORE_KEY, as_file
from broker.errors import UnsafeConfiguration
from broker.protocol import dsse
from broker.protocol.exchange import NONCE_BYTES, Exchange
from broker.protocol.head import EPOCH_BYTES
from broker.protocol.key_files import STORE_KEY_BYTES, root_key_document, store_key_document
from broker.protocol.keys import SEED_BYTES, SigningKey
from broker.protocol.limits import ROOT_KEYS_ITEMS
from broker.protocol.registry import open_registry

EXAMPLE = """
$ harkara init exchange --name "Harkara of Pakistan"
"""


@command("init", example=EXAMPLE)
@click.argument("directory", metavar="DIR", type=DIRECTORY)
@flag("--name", per_command=True, default="Harkara", show_default=True, help="Name of the exchange.")
@flag("--broker", type=AGENCY, default="int.broker", show_default=True, help="Id of the first broker.")
@flag(
    "--roots",
    type=Whole(1, ROOT_KEYS_ITEMS),
    default=1,
    show_default=True,
    help="How many root keys to make.",
)
@flag(
    "--threshold",
    type=Whole(1, ROOT_KEYS_ITEMS),
    help="How many must sign a registry. [default: most]",
)
@flag(
    "--valid",
    per_command=True,
    type=DURATION,
    default="365d",
    show_default=True,
    help="How long the first registry is valid.",
)
@flag("--grace", type=DURATION, default="30d", show_default=True, help="How long work goes on after that.")
@flag(
    "--key-valid",
    type=DURATION,
    default="730d",
    show_default=True,
    help="How long the broker's keys are valid.",
)
def init(
    directory: Path,
    name: str,
    broker: str,
    roots: int,
    threshold: int | None,
    valid: int,
    grace: int,
    key_valid: int,
    as_json: bool,
) -> None:
    """Make a new exchange in DIR: its name, its root keys, a broker and the first registry.

    Give exchange.json to each agency by a way you trust; it makes its card with it (harkara keys
    new). Move the root key to a medium that is not connected: it is needed only to sign a registry.
    """
    k = roots // 2 + 1 if threshold is None else threshold
    if k > roots:
        raise MisuseError(f"--threshold is {k} and there are {roots} root keys")
    root_keys = [SigningKey.from_seed(os.urandom(SEED_BYTES)) for _ in range(roots)]
    exchange = Exchange(name, os.urandom(NONCE_BYTES), tuple(sorted(key.kid for key in root_keys)), k)
    at = now()
    identity = make_identity(exchange.id, broker, "broker", at, key_valid)
    card = checked_card(identity, {"en": f"Broker of {name}"[:120]}, None)
    first = _first_registry(exchange, root_keys, card.envelope, at, valid, grace)
    _require_free(directory)

    written = {
        EXCHANGE: (exchange.document(), False),
        REGISTRY: (as_file(first.registry), False),
        ENTITLEMENTS: (as_file(first.entitlements), True),
        BROKER_KEY: (identity.document(), True),
        STORE_KEY: (store_key_document(os.urandom(STORE_KEY_BYTES)), True),
    }
    for file_name, key in zip(_root_names(roots), root_keys, strict=True):
        written[file_name] = root_key_document(key), True
    for file_name, (content, private) in written.items():
        write_new(directory / file_name, content, private=private)
    _tell(directory, exchange, roots, list(written), as_json)


def _require_free(directory: Path) -> None:
    directory_for_secrets(directory, unwritable_by=0o022)
    there = [
        p.name
        for p in directory.iterdir()
        if p.suffix == ".key" or p.name in (EXCHANGE, REGISTRY, ENTITLEMENTS)
    ]
    if there:
        raise UnsafeConfiguration(
            f"{directory} holds {', '.join(sorted(there))}: an exchange is not made over another one, "
            "name a new directory"
        )


def _root_names(roots: int) -> list[str]:
    return ["root.key"] if roots == 1 else [f"root-{n}.key" for n in range(1, roots + 1)]


def _first_registry(
    exchange: Exchange, root_keys: list[SigningKey], card: dsse.Envelope, at: int, valid: int, grace: int
) -> Draft:
    draft = first_draft(
        exchange,
        [key.public for key in root_keys],
        [card],
        epoch=os.urandom(EPOCH_BYTES),
        issued=whole_second(at),
        valid=valid,
        grace=grace,
    )
    for key in root_keys:
        draft = signed_by(draft, key)
    open_registry(draft.registry, exchange)  # what is written can be read
    return draft


def _tell(directory: Path, exchange: Exchange, roots: int, files: list[str], as_json: bool) -> None:
    found = {
        "exchange": exchange.id.hex(),
        "name": exchange.name,
        "directory": str(directory),
        "files": {name: str(directory / name) for name in files},
        "k": exchange.k,
    }
    words = [
        f"Made the exchange {exchange.name!r} in {directory}",
        f"  {EXCHANGE:<18} give it to each agency, by a way you both trust",
        *(f"  {name:<18} move it to a medium that is not connected" for name in _root_names(roots)),
        f"  {BROKER_KEY:<18} the broker's private keys",
        f"  {STORE_KEY:<18} the key of what lies in the store: brokers share it",
        f"  {REGISTRY:<18} who is a member, signed",
        f"  {ENTITLEMENTS:<18} who may say and hear what, signed",
    ]
    result(found, words, as_json=as_json)
    remark(f"\nNext: harkara serve --data {directory}", as_json=as_json)
