"""`harkara request`: any request to the broker, signed as this agency: a curl that signs."""

from __future__ import annotations

import sys

import click

from broker.cli import files
from broker.cli.agency_flags import AgencyFlags, agency_flags
from broker.cli.command import command, flag
from broker.cli.connection import connected
from broker.cli.output import remark, result
from broker.cli.refusals import MisuseError
from broker.client.problems import problem_of

EXAMPLE = """
$ export HARKARA_IDENTITY=anf/pk.anf.key
$ harkara request GET "/v1/inbox?after=0&limit=1"
$ harkara request GET /v1/subscription --json
"""


@command("request", example=EXAMPLE)
@click.argument("method")
@click.argument("path")
@flag("--body", metavar="FILE|-", help="What to send.")
@flag("--content-type", default="application/json", show_default=True, help="Its media type.")
@agency_flags
async def request(
    agency: AgencyFlags, method: str, path: str, body: str | None, content_type: str, as_json: bool
) -> None:
    """Send METHOD PATH, signed by RFC 9421, and print the answer as it came. The status is said on stderr.

    Exit code 0 for an answer below 400; for others that of the refusal, which is printed too.
    """
    if not path.startswith("/"):
        raise MisuseError(f"{path!r} is no path", "it begins with /, such as /v1/inbox?after=0")
    content = files.read_input(body, "a body") if body is not None else None
    async with connected(agency) as connection:
        answer = await connection.request(method, path, content, media_type=content_type)
    if as_json:
        text = answer.body.decode(errors="replace")
        result({"status": answer.status, "headers": dict(answer.headers), "body": text}, "", as_json=True)
    else:
        remark(f"{answer.status} {answer.headers.get('content-type', '')}")
        sys.stdout.buffer.write(answer.body)
        if sys.stdout.isatty():
            click.echo()
    if answer.status >= 400:
        refused = problem_of(answer.status, answer.body, retry_after=answer.headers.get("retry-after"))
        raise click.exceptions.Exit(refused.exit_code)
