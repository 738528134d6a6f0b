"""`harkara sign`: a bulletin filled in, checked and signed, without sending it."""

from __future__ import annotations

import json
import os
import uuid
from typing import Any

import click

from broker.cli.agency_flags import AgencyFlags, identity_flags
from broker.cli.command import command
from broker.cli.identity_files import load_identity
from broker.cli.known_registry import known_registry
from broker.cli.moment import now
from broker.cli.output import pretty, remark
from broker.cli.refusals import MisuseError
from broker.cli.sources import announce, read_documents, source_flags, source_of
from broker.client.drafting import Author, complete, draft_of
from broker.client.drafting import sign as sign_bulletin
from broker.client.own_keys import best
from broker.protocol.digests import SALT_BYTES

EXAMPLE = """
$ export HARKARA_IDENTITY=fia/pk.fia.key
$ harkara sign boat.json --to pk.anf --registry exchange/registry.json > post.json
"""


@command("sign", example=EXAMPLE)
@source_flags
@identity_flags
def sign(agency: AgencyFlags, as_json: bool, **given: Any) -> None:
    """Check and sign FILE, and print the post: the body of POST /v1/bulletins.

    Id, originator, exchange, registry version and time are filled in where they are missing.
    harkara post does all of this by itself, and remembers what it signed; sign is for whoever sends
    in another way.
    """
    source = source_of(given)
    identity = load_identity(agency.need_identity())
    registry = known_registry(agency, identity)
    documents = read_documents(source, identity.id).documents
    if len(documents) != 1:
        raise MisuseError(
            f"the file has {len(documents)} bulletins, and sign takes one", "harkara post takes many"
        )
    announce(documents[0], as_json=as_json)
    at = now()
    bulletin, address = complete(
        draft_of(documents[0].fields, source.to, source.excepted),
        Author(identity.id, identity.exchange, registry.version),
        now=at,
        new_id=str(uuid.uuid4()),
        salt=os.urandom(SALT_BYTES),
    )
    # The key that the registry takes, as in harkara post.
    key = best(identity, registry, at) or identity.signing_key(at)
    _, body = sign_bulletin(bulletin, address, key)
    post = json.loads(body)
    click.echo(json.dumps(post) if as_json else pretty(post))
    remark(f"Signed as {identity.id}, id {bulletin.id}; not sent.", as_json=as_json)
