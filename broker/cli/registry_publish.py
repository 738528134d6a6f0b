"""`harkara registry publish`: put the signed next version in force, at a running broker or for the
next start of one.
"""

from __future__ import annotations

from pathlib import Path

from broker.cli.agency_flags import broker_flags, tls_context
from broker.cli.command import command, flag
from broker.cli.output import remark, result
from broker.cli.refusals import MisuseError
from broker.cli.registry_draft import read_draft, require_next
from broker.cli.registry_words import changes
from broker.cli.trust_files import TrustFiles, trust_flags, typed
from broker.protocol.entitlements import read_entitlements
from broker.protocol.registry import follow

EXAMPLE = """
$ harkara registry publish --data exchange --offline
"""


@command("registry publish", example=EXAMPLE)
@trust_flags
@broker_flags
@flag(
    "--offline",
    is_flag=True,
    help="Only put it in place of the one in force, for the next start of a broker.",
)
async def publish(
    trust: TrustFiles,
    url: str,
    ca: Path | None,
    plain_http: bool,
    patience: float,
    offline: bool,
    as_json: bool,
) -> None:
    """Verify the next version, send it to a broker, and put it in place of registry.json and
    entitlements.json.

    It needs no identity: the signatures of the root keys are its authority.
    """
    if offline and typed("url"):
        raise MisuseError("--url is a running broker, and --offline is none", "give one of them")
    current = trust.in_force()
    draft = read_draft(trust)
    require_next(trust, draft.documents()[0], current)
    newer = follow(current.registry, draft.registry)
    granted = read_entitlements(
        draft.entitlements, exchange=newer.exchange, version=newer.version, digest=newer.entitlements_digest
    )
    if not offline:
        from broker.client.publishing import publish_registry  # late: only this needs the network

        await publish_registry(
            url, draft.registry, draft.entitlements, tls=tls_context(ca), plain_http=plain_http
        )
    trust.put(draft.registry, draft.entitlements)
    told = changes(current.registry.document, current.entitlements.document, newer.document, granted.document)
    found = {"version": newer.version, "published": "offline" if offline else url, "changes": told}
    words = [f"Version {newer.version} is in force.", *(f"  {line}" for line in told)]
    result(found, words, as_json=as_json)
    if offline:
        remark("\nBrokers take it at their next start; a running one without --offline.", as_json=as_json)
