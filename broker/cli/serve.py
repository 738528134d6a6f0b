"""`harkara serve`: run a broker. `--data DIR` is enough; it says one line when it serves, and ends
by SIGTERM in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from broker.cli import files, refusals
from broker.cli.command import command, flag
from broker.cli.ctrl_c import run
from broker.cli.extras import require_server
from broker.cli.identity_files import load_envelope, load_exchange, load_identity
from broker.cli.output import result
from broker.cli.parameters import DIRECTORY, FILE, Whole, together
from broker.cli.refusals import MisuseError, brief
from broker.cli.trust_files import BROKER_KEY, ENTITLEMENTS, EXCHANGE, REGISTRY, STORE_KEY, open_first
from broker.errors import HarkaraError
from broker.protocol.entitlements import read_entitlements
from broker.protocol.key_files import read_store_key
from broker.settings import DEFAULT_LISTEN, DEFAULT_OPS, Address, Settings, Share

if TYPE_CHECKING:
    from broker.wiring import Material

EXAMPLE = """
$ harkara serve --data exchange
"""
MEGABYTE: Final = 1024 * 1024
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
USUAL: Final = Share()


class Where(click.ParamType):
    """HOST:PORT."""

    name = "host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Give the address."""
        if isinstance(value, Address):
            return value
        try:
            return Address.parse(value)
        except ValueError as why:
            self.fail(str(why), param, ctx)


WHERE: Final = Where()


def _limit(name: str, usual: int, what: str) -> Any:
    words = f"{what} 0 is no limit."
    return flag(name, type=Whole(0), default=usual, show_default=True, help=words)


@command("serve", example=EXAMPLE)
@flag(
    "--data",
    type=DIRECTORY,
    help="The directory of the exchange, as harkara init made it; the embedded store is below it.",
)
@flag("--store", secret=True, metavar="URL", help="A Redis or Valkey server, in place of the embedded store.")
@flag("--listen", type=WHERE, default=DEFAULT_LISTEN, show_default=True, help="Where agencies reach it.")
@flag("--ops", type=WHERE, default=DEFAULT_OPS, show_default=True, help="Where health and metrics are.")
@flag(
    "--authority", multiple=True, metavar="HOST", help="The name that agencies use; with commas, or repeated."
)
@flag("--tls-cert", type=FILE, help="Certificate chain in PEM form.")
@flag("--tls-key", type=FILE, secret_file=True, help="Its private key.")
@flag("--behind-proxy", is_flag=True, help="A proxy in front of it does TLS.")
@flag("--exchange", type=FILE, help=f"exchange.json.  [default: DIR/{EXCHANGE}]")
@flag("--registry", type=FILE, help=f"The first registry to trust.  [default: DIR/{REGISTRY}]")
@flag("--entitlements", type=FILE, help=f"The entitlements that belong to it.  [default: DIR/{ENTITLEMENTS}]")
@flag("--identity", type=FILE, secret_file=True, help=f"The broker's own keys.  [default: DIR/{BROKER_KEY}]")
@flag(
    "--store-key",
    type=FILE,
    secret_file=True,
    help=f"The key that brokers share.  [default: DIR/{STORE_KEY}]",
)
@flag(
    "--replicas",
    type=Whole(0),
    default=0,
    show_default=True,
    help="Replicas that must have each write.",
)
@flag(
    "--store-memory",
    type=Whole(0),
    default=0,
    help="Memory of the embedded store in MiB.  [default: no limit]",
)
@flag(
    "--log-level",
    type=click.Choice(LOG_LEVELS),
    default="info",
    show_default=True,
    help="What is logged on stderr, at least.",
)
@_limit("--posts-per-minute", USUAL.posts_per_minute, "Signed statements of one agency.")
@_limit("--post-mebibytes-per-minute", USUAL.post_mebibytes_per_minute, "Their size together.")
@_limit("--reads-per-minute", USUAL.reads_per_minute, "Signed reads of one agency.")
@_limit("--live-feeds", USUAL.live_feeds, "Feeds that one agency has open.")
@flag(
    "--connections-per-peer",
    type=Whole(0),
    help="Connections of one address, 0 for no limit.  [default: 256; no limit behind a proxy]",
)
def serve(as_json: bool, **given: Any) -> None:
    """Run a broker until SIGTERM or Ctrl-C, with the embedded store below --data or with --store
    URL.

    It prints one line on stdout when it serves. An address that other machines reach needs TLS, or
    --behind-proxy, and --authority; --ops has no TLS of its own, and needs --behind-proxy. A second
    broker gets a copy of the directory without root.key and store, and --store URL.
    """
    require_server()
    settings = _settings(given)
    settings.check()
    material = _material(given)
    from broker.cli.server_log import log_to_stderr  # late, like all of the server

    log_to_stderr(given["log_level"])
    if _run(_serve(settings, material, as_json)):
        raise click.exceptions.Exit(refusals.INTERRUPTED)


def _settings(given: dict[str, Any]) -> Settings:
    store = given["store"] or None
    if store is None and given["data"] is None:
        raise MisuseError("serve what?", "--data DIR, as harkara init DIR made it")
    return Settings(
        listen=given["listen"],
        ops=given["ops"],
        # With a store of its own the directory only holds the trust material.
        data=None if store else given["data"],
        store_url=store,
        authorities=tuple(together(given["authority"])),
        tls_cert=given["tls_cert"],
        tls_key=given["tls_key"],
        behind_proxy=given["behind_proxy"],
        replicas=given["replicas"],
        store_maximum_bytes=given["store_memory"] * MEGABYTE,
        share=Share(**{each.name: given[each.name] for each in fields(Share)}),
        connections_per_peer=given["connections_per_peer"],
    )


def _material(given: dict[str, Any]) -> Material:
    from broker.wiring import Material

    def place(flag_name: str, file_name: str) -> Path:
        named, data = given[flag_name], given["data"]
        if named is None and data is None:
            raise MisuseError(
                f"where is {file_name}?", f"--data DIR, or --{flag_name.replace('_', '-')} FILE"
            )
        return named or data / file_name

    store_key = place("store_key", STORE_KEY)
    try:
        key = read_store_key(
            files.read_private(store_key, "the store key", "harkara init DIR makes all that is needed")
        )
    except HarkaraError as error:
        if error.code == "unsafe-configuration":
            raise
        raise MisuseError(f"{store_key} is not a store key: {brief(error)}") from None
    identity = load_identity(place("identity", BROKER_KEY))
    exchange = load_exchange(place("exchange", EXCHANGE))
    registry_file = place("registry", REGISTRY)
    registry = load_envelope(registry_file, "a registry")
    entitlements = load_envelope(place("entitlements", ENTITLEMENTS), "the entitlements")
    opened = open_first(registry, exchange, registry_file)
    read_entitlements(
        entitlements, exchange=exchange.id, version=opened.version, digest=opened.entitlements_digest
    )
    return Material(exchange, identity, key, registry, entitlements)


def _run(main: Any) -> bool:
    if sys.platform == "win32":
        return run(main)
    import uvloop

    return run(main, loop_factory=uvloop.new_event_loop)


async def _serve(settings: Settings, material: Material, as_json: bool) -> bool:
    """Serve until a signal. Tells whether it was Ctrl-C."""
    from broker.wiring import running

    stopped: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    with _signals(stopped):
        async with running(settings, material) as broker:
            found = {"url": broker.url, "ops": broker.ops_url, "exchange": material.exchange.id.hex()}
            words = f"Serving {material.exchange.name!r} at {broker.url} (operations at {broker.ops_url})"
            result(found, words, as_json=as_json)
            await stopped
    return stopped.result() == signal.SIGINT


@contextlib.contextmanager
def _signals(stopped: asyncio.Future[int]) -> Any:
    """Note the first signal in `stopped`, and let a second one end the program at once."""
    loop = asyncio.get_running_loop()

    def note(number: int) -> None:
        if not stopped.done():
            stopped.set_result(number)
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)

    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, note, number)
    yield
