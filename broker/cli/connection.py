"""A command's connection to its broker: the files are looked at first, so that what is missing is
said in words.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from broker.cli import files
from broker.cli.agency_flags import AgencyFlags, tls_context
from broker.cli.identity_files import load_exchange, load_identity
from broker.cli.refusals import MisuseError
from broker.cli.trust_files import EXCHANGE
from broker.client.agency import Agency
from broker.client.items import Received, ReceivedBulletin, Unverified
from broker.errors import NotAuthentic, NotFound


@asynccontextmanager
async def connected(flags: AgencyFlags) -> AsyncIterator[Agency]:
    """Connect as the flags say. Raises `MisuseError` for what is missing, and what `Agency.connect`
    raises.
    """
    path = flags.need_identity()
    load_identity(path)
    if flags.registry is not None:
        files.read(flags.registry, "a registry")
    exchange = _exchange_of(flags, path)
    load_exchange(exchange)
    async with Agency.connect(
        flags.url,
        identity=path,
        registry=flags.registry,
        exchange=exchange,
        state=flags.state,
        tls=tls_context(flags.ca),
        plain_http=flags.plain_http,
        patience=flags.patience,
    ) as agency:
        yield agency


async def item_named(agency: Agency, name: str) -> Received | Unverified:
    """Give the item that `name` names: its number in the inbox, or ORIGINATOR/ID. Raises `NotFound`."""
    if name.isdecimal():
        return await agency.item(int(name))
    originator, item_id = split_name(name)
    return await agency.fetch(originator, item_id)


async def verified_item(agency: Agency, name: str) -> Received:
    """Give the item that `name` names, with its content. Raises `NotFound` for what the broker does not
    give any more, `NotAuthentic` for what does not verify.
    """
    item = await item_named(agency, name)
    if isinstance(item, Unverified):
        if item.withheld:
            raise NotFound(f"item {item.number}: {item.reason}")
        raise NotAuthentic(f"item {item.number} does not verify: {item.reason}")
    return item


async def bulletin_named(agency: Agency, name: str) -> ReceivedBulletin:
    """Give the bulletin that `name` names. Raises `MisuseError` for a receipt, else as `verified_item`."""
    item = await verified_item(agency, name)
    if not isinstance(item, ReceivedBulletin):
        raise MisuseError(f"item {name} is a receipt, not a bulletin")
    return item


def split_name(name: str) -> tuple[str, str]:
    """Give originator and id of ORIGINATOR/ID. Raises `MisuseError`."""
    originator, slash, item_id = name.partition("/")
    if not (originator and slash and item_id):
        raise MisuseError(
            f"{name!r} is neither a number of the inbox nor ORIGINATOR/ID", "harkara feed shows both"
        )
    return originator, item_id


def _exchange_of(flags: AgencyFlags, identity: Path) -> Path:
    if flags.exchange is not None:
        return flags.exchange
    beside = [path.parent / EXCHANGE for path in (identity, flags.registry) if path is not None]
    for path in beside:
        if path.exists():
            return path
    raise MisuseError(
        f"where is {EXCHANGE}? Not beside {identity}", "--exchange FILE, as the operator gave it to you"
    )
