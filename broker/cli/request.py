"""`harkara request`: any request to the broker, signed as this agency: a curl that signs."""

from __future__ import annotations

import re
import sys
from typing import Any, Final

import click

from broker.cli import files
from broker.cli.agency_flags import AgencyFlags, agency_flags
from broker.cli.command import command, flag
from broker.cli.connection import connected
from broker.cli.output import remark, result
from broker.cli.refusals import MisuseError
from broker.client.problems import problem_of
from broker.errors import shorten

EXAMPLE = """
$ export HARKARA_IDENTITY=anf/pk.anf.key
$ harkara request GET "/v1/inbox?after=0&limit=1"
$ harkara request GET /v1/subscription --json
$ harkara request GET /v1/registry --header "Accept: application/json"
"""


RESERVED: Final = {
    "connection": "it is of the connection, not of the request",
    "content-digest": "the signature makes it",
    "content-length": "the body has it",
    "content-type": "--content-type gives it",
    "expect": "it is of the connection, not of the request",
    "host": "--url gives it",
    "keep-alive": "it is of the connection, not of the request",
    "proxy-connection": "it is of the connection, not of the request",
    "signature": "the signature is made here",
    "signature-input": "the signature is made here",
    "te": "it is of the connection, not of the request",
    "trailer": "it is of the connection, not of the request",
    "transfer-encoding": "it is of the connection, not of the request",
    "upgrade": "it is of the connection, not of the request",
}
"""Header fields that are not given by hand, and why. Source: RFC 9110, section 7.6.1."""
_FIELD: Final = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)[ \t]*"
)


class HeaderField(click.ParamType):
    """`Name: value`, in ASCII: the name and the value."""

    name = "field"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Give the name and the value."""
        if isinstance(value, tuple):
            return value
        if (found := _FIELD.fullmatch(value)) is None:
            self.fail(f"expected `Name: value` in ASCII, got {shorten(value)!r}", param, ctx)
        if why := RESERVED.get(found[1].lower()):
            self.fail(f"{found[1]} cannot be given: {why}", param, ctx)
        return found[1], found[2]


@command("request", example=EXAMPLE)
@click.argument("method")
@click.argument("path")
@flag("--body", metavar="FILE|-", help="What to send.")
@flag("--content-type", default="application/json", show_default=True, help="Its media type.")
@flag(
    "-H",
    "--header",
    multiple=True,
    type=HeaderField(),
    help='A header field, such as `If-None-Match: "42"`; may be repeated.',
)
@agency_flags
async def request(
    agency: AgencyFlags,
    method: str,
    path: str,
    body: str | None,
    content_type: str,
    header: tuple[tuple[str, str], ...],
    as_json: bool,
) -> None:
    """Send METHOD PATH, signed by RFC 9421, and print the answer as it came. The status is said on stderr.

    Exit code 0 for an answer below 400; for others that of the refusal, which is printed too.
    """
    if not path.startswith("/"):
        raise MisuseError(f"{path!r} is no path", "it begins with /, such as /v1/inbox?after=0")
    names = [name.lower() for name, _ in header]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise MisuseError(f"the header field {twice} is given twice", "one --header for each name")
    content = files.read_input(body, "a body") if body is not None else None
    async with connected(agency) as connection:
        answer = await connection.request(
            method, path, content, media_type=content_type, headers=dict(header)
        )
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
