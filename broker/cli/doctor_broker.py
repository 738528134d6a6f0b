"""Whether a broker can be reached, and has this machine's time: asked without a signature, so that it
is told apart from what is wrong with keys.
"""

from __future__ import annotations

import os
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from broker.cli import doctor_cures as cures
from broker.cli.agency_flags import AgencyFlags, tls_context
from broker.cli.doctor_finding import Finding, why
from broker.cli.doctor_tls import CA_FILE, handshake
from broker.cli.moment import now
from broker.cli.refusals import MisuseError
from broker.client.transport import Answer, Transport
from broker.errors import HarkaraError, NotAuthentic, Unreachable, UnsafeConfiguration
from broker.protocol import times
from broker.protocol.limits import READ_AGE_US, SECOND_US

PROBE_SECONDS: Final = 10.0
CLOCK_WARNING_US: Final = 5 * SECOND_US


async def broker_checks(flags: AgencyFlags, data: Path | None) -> list[Finding]:
    """Look at the way to the broker, its certificate and its clock; what follows from a failure is not
    looked at. Nothing is raised.
    """
    try:
        tls = tls_context(flags.ca)
    except MisuseError as error:
        return [Finding("tls", "fail", why(error), cures.setting("HARKARA_CA", CA_FILE))]
    found: list[Finding] = []
    try:
        transport = Transport(flags.url, key=None, now=now, tls=tls, plain_http=flags.plain_http)
    except UnsafeConfiguration as error:
        host = urlsplit(flags.url).hostname or "HOST"
        cure = cures.setting("HARKARA_URL", f"https://{host}")
        return [Finding("broker", "fail", f"{flags.url}: {error.detail}", cure)]
    try:
        if flags.url.startswith("https:"):
            found.append(await handshake(flags.url, tls))
            if found[-1].outcome == "fail":
                return found
        answer = await transport.exchange("GET", "/livez", signed=False, seconds=PROBE_SECONDS)
    except NotAuthentic as error:
        return [Finding("tls", "fail", why(error), cures.setting("HARKARA_CA", CA_FILE))]
    except (HarkaraError, OSError) as error:
        return [*found, _silent(flags.url, error, data)]
    finally:
        await transport.close()
    if answer.status != 200:
        seen = f"{flags.url} answers {answer.status}: no broker, or a proxy without one behind it"
        return [*found, Finding("broker", "fail", seen, _start(flags.url, data))]
    return [*found, Finding("broker", "pass", flags.url), clock(answer)]


async def answers(flags: AgencyFlags) -> bool:
    """Tell whether anything answers at the address."""
    try:
        transport = Transport(flags.url, key=None, now=now, tls=tls_context(flags.ca), plain_http=True)
    except (UnsafeConfiguration, MisuseError):
        return False
    try:
        await transport.exchange("GET", "/livez", signed=False, seconds=PROBE_SECONDS)
    except Unreachable:
        return False
    except HarkaraError:  # a certificate that is not trusted here: `tls` is another check
        return True
    finally:
        await transport.close()
    return True


def clock(answer: Answer) -> Finding:
    """Compare this machine's clock with the time that an answer was given."""
    told = answer.headers.get("date", "")
    try:
        theirs = int(parsedate_to_datetime(told).timestamp()) * SECOND_US
    except ValueError:
        return Finding(
            "clock", "warn", "the broker does not tell its time", f"{cures.OPERATOR}: which proxy hides it?"
        )
    apart = now() - theirs
    # A Date header has whole seconds: it may be up to one behind.
    off = max(apart - SECOND_US, -apart, 0)
    if off < CLOCK_WARNING_US:
        return Finding("clock", "pass", f"{off / SECOND_US:.1f} s from the broker's")
    word = "ahead of" if apart > 0 else "behind"
    seen = f"this machine is {off / SECOND_US:.0f} s {word} the broker, whose time is {times.format(theirs)}"
    # Reads that are signed by another time are refused.
    outcome = "fail" if off >= READ_AGE_US else "warn"
    return Finding("clock", outcome, seen, cures.right_time(times.format(theirs)))


def _silent(url: str, error: HarkaraError | OSError, data: Path | None) -> Finding:
    match error:
        case HarkaraError():
            reason = error.detail
        case TimeoutError():
            reason = "no answer in time"
        case _:  # the event loop's words repeat the address: the system's own are shorter
            reason = os.strerror(number) if (number := error.errno or 0) > 0 else str(error)
    seen = reason if url in reason else f"{url}: {reason}"
    return Finding("broker", "fail", seen, _start(url, data))


def _start(url: str, data: Path | None) -> str:
    parts = urlsplit(url)
    if data is not None and parts.hostname in ("localhost", "127.0.0.1", "::1"):
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        if parts.scheme == "http" and parts.port:
            return cures.serving(data, f"{host}:{parts.port}")
    return cures.lines(
        "# is this the address that your operator told you? Another one: --url https://HOST, or HARKARA_URL.",
        f"{cures.OPERATOR}: is the broker up? From here:",
        cures.command("curl", "--verbose", f"{url.rstrip('/')}/livez"),
    )
