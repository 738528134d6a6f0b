"""`harkara feed`: what came for this agency, each item once, verified; and, with --follow, what is
still to come.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, cast

import click

from broker.cli import refusals
from broker.cli.agency_flags import AgencyFlags, agency_flags
from broker.cli.command import command, flag
from broker.cli.connection import connected
from broker.cli.feed_json import item_json
from broker.cli.moment import SECONDS
from broker.cli.output import remark
from broker.cli.parameters import Whole
from broker.client.items import FeedItem, is_counted

EXAMPLE = """
$ export HARKARA_IDENTITY=anf/pk.anf.key
$ harkara feed
$ harkara feed --follow --count 1 --timeout 10s --after 0
$ harkara feed --after 0 --json
"""


@command("feed", example=EXAMPLE)
@flag("--follow", is_flag=True, help="Wait for what is still to come, instead of ending at the end.")
@flag(
    "--count",
    type=Whole(1),
    help="End after so many items (expired numbers are none); with --timeout, exit 1 when fewer came.",
)
@flag("--timeout", type=SECONDS, help="End when nothing came for so long: 30s, or 30.")
@flag("--after", type=Whole(0), help="Look from this number on, without moving the place.")
@flag(
    "--consumer", default="default", show_default=True, help="Whose place it is: each consumer has its own."
)
@flag("--forget-place", is_flag=True, help="Begin at the first item again: for after a broken inbox.")
@agency_flags
async def feed(
    agency: AgencyFlags,
    follow: bool,
    count: int | None,
    timeout: float | None,  # noqa: ASYNC109 (a rule of the feed, not of this call)
    after: int | None,
    consumer: str,
    forget_place: bool,
    as_json: bool,
) -> None:
    """Show the items of your inbox from your place on, and move the place.

    Each item is decrypted, and verified: who wrote it, that the broker took it, that nothing is
    missing before it. One that does not verify is shown as such, without content. A gap, a fork or
    a rollback stops the feed: exit code 5.

    --json prints one line for each item as soon as it is there (schemas/feed.schema.json).
    """
    show = _printer(as_json)
    shown = came = 0
    async with connected(agency) as connection:
        if forget_place:
            await connection.forget_place(consumer)
        items = connection.feed(follow=follow, after=after, count=count, timeout=timeout, consumer=consumer)
        if follow:
            remark(f"Following the inbox of {connection.id}; Ctrl-C ends.", as_json=as_json)
        async with aclosing(cast(Any, items)):
            async for item in items:
                show(item)
                shown += 1
                came += is_counted(item)
    if not shown:
        remark("Nothing new.", as_json=as_json)
    if count is not None and timeout is not None and came < count:
        raise click.exceptions.Exit(refusals.CHECK_SAYS_NO)


def _printer(as_json: bool) -> Callable[[FeedItem], None]:
    if as_json:
        # click.echo flushes: whoever reads the pipe has the line at once.
        return lambda item: click.echo(json.dumps(item_json(item), ensure_ascii=False))
    from broker.cli import rendering  # late: rich is for people only

    console = rendering.console()
    return lambda item: rendering.show(item, console)
