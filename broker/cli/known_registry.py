"""The registry that this machine trusts: what an agency received last, or the file that is named."""

from __future__ import annotations

from broker.cli import files
from broker.cli.agency_flags import AgencyFlags
from broker.cli.identity_files import load_exchange, load_identity
from broker.cli.refusals import MisuseError
from broker.cli.trust_files import EXCHANGE, load_registry
from broker.client import trust_files
from broker.client.state import State
from broker.client.trust_files import RegistryFiles, with_given
from broker.errors import BadSignature
from broker.protocol.identity import Identity
from broker.protocol.registry import Registry


def trusted_registry(agency: AgencyFlags) -> Registry:
    """Give the registry that is named, verified by exchange.json; else the one that the identity
    received last.

    Raises `MisuseError` when neither is said, and what verification raises.
    """
    if agency.registry is None:
        if agency.identity is None:
            raise MisuseError(
                "which registry?", "--registry FILE, or --identity FILE for the one received last"
            )
        return known_registry(agency, load_identity(agency.identity))
    exchange = agency.exchange or agency.registry.parent / EXCHANGE
    if agency.exchange is None and not exchange.exists() and agency.identity is not None:
        exchange = agency.identity.parent / EXCHANGE
    try:
        return load_registry(agency.registry, load_exchange(exchange))
    except BadSignature:
        if agency.identity is None:
            raise
        # The root keys may have been changed since exchange.json: what was kept leads to these.
        return known_registry(agency, load_identity(agency.identity))


def known_registry(agency: AgencyFlags, identity: Identity) -> Registry:
    """Give the newest registry known to an identity: what was received last, or the file that is named.

    Raises `MisuseError` when there is none, and what verification raises.
    """
    beside = [path for path in (agency.identity, agency.registry) if path is not None]
    exchange = trust_files.load_exchange(agency.exchange, beside, identity.exchange)
    kept = RegistryFiles(State.of(agency.state, identity.exchange, identity.id).registry).load(exchange)
    if agency.registry is not None:
        kept, _ = with_given(kept, files.read(agency.registry, "a registry"), exchange)
    if kept is None:
        raise MisuseError("no registry is known here yet", "--registry FILE, or post or read once")
    return kept
