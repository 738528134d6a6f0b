"""`harkara demo`: a whole exchange on this machine in seconds, and what it promises shown.

Store, broker and five agencies run in this process and a directory of its own; nothing is left behind.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path

import click

from broker.cli.command import command, flag
from broker.cli.ctrl_c import run
from broker.cli.extras import require_server
from broker.cli.output import remark
from broker.cli.refusals import CHECK_SAYS_NO, TERMINATED

EXAMPLE = """
$ harkara demo --once
"""


@command("demo", example=EXAMPLE)
@flag("--once", is_flag=True, help="End after the table; exit 0 only if every expectation held.")
def demo(once: bool, as_json: bool) -> None:
    """Show a whole exchange: five agencies, eight bulletins, who hears what, who does not, and why.

    Every agency follows its own feed, decrypts, verifies and acknowledges. Then the broker stays up, and it
    is your turn.
    """
    require_server()
    try:
        held = run(_demo(once, as_json))
    except asyncio.CancelledError:
        raise click.exceptions.Exit(TERMINATED) from None
    if not held:
        raise click.exceptions.Exit(CHECK_SAYS_NO)


def _end_in_order() -> None:
    """Let SIGTERM, and the terminal's end, do what Ctrl-C does: the directory has private keys in it."""
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def _demo(once: bool, as_json: bool) -> bool:
    _end_in_order()
    # Late: these load the server.
    from broker.cli.demo_exchange import make_demo_exchange, write_shell_files
    from broker.cli.demo_run import on_stage
    from broker.cli.demo_table import next_steps, show
    from broker.cli.server_log import log_to_stderr
    from broker.settings import Address, Settings
    from broker.wiring import running

    log_to_stderr("error")
    with tempfile.TemporaryDirectory(prefix="harkara-demo-") as name:
        exchange = await asyncio.to_thread(make_demo_exchange, Path(name))
        anywhere = Address("127.0.0.1", 0)
        settings = Settings(listen=anywhere, ops=anywhere, data=Path(name) / "broker")
        remark("Starting a store and a broker, enrolling five agencies …", as_json=as_json)
        async with running(settings, exchange.material) as broker:
            async with on_stage(exchange, broker.url) as stage:
                report = await stage.play()
            show(report, as_json=as_json)
            if not once:
                for line in next_steps(write_shell_files(exchange, broker.url)):
                    remark(line, as_json=as_json)
                await asyncio.Event().wait()
    return not report.failures
