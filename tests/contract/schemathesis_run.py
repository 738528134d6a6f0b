"""Attack a running broker with cases of the OpenAPI document for longer than the tests do:
`python -m tests.contract.schemathesis_run --cases 20000 --seed 7`.

Prints how often each operation was answered with which status. Ends with 1 and the request when an answer is
not as the document says.
"""

from __future__ import annotations

import logging
import time

import click
import structlog

from tests.contract.hostile_requests import OPERATIONS, attack, running_target


@click.command()
@click.option("--cases", default=3_000, help="Cases of all operations together.")
@click.option("--seed", type=int, default=None, help="Other cases than the usual ones.")
def run(cases: int, seed: int | None) -> None:
    """Attack every operation."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began, total = time.monotonic(), 0
    with running_target() as target:
        for label in sorted(OPERATIONS):
            statuses = attack(label, target, max(1, cases // len(OPERATIONS)), seed)
            total += statuses.total()
            click.echo(f"{label:48} " + "  ".join(f"{s}: {n}" for s, n in sorted(statuses.items())))
    click.echo(f"{total} cases, {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    run()
