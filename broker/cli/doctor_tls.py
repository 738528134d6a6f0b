"""Whether the broker's certificate is good: one handshake, by the rules of all requests, and what is
wrong with it in words.

The peer is never trusted on sight: where the authority is not known here, the cure is to get its
certificate from the operator by a trusted way, never to take the one that was shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from broker.cli import doctor_cures as cures
from broker.cli.doctor_finding import Finding

HANDSHAKE_SECONDS: Final = 10.0
HOST_MISMATCH: Final = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH (OpenSSL, x509_vfy.h)."""
NOT_YET: Final = 9
EXPIRED: Final = 10
CA_FILE: Final = "exchange-ca.pem"


async def handshake(url: str, tls: ssl.SSLContext | None) -> Finding:
    """Connect to the host of an https address as all requests do. Raises `OSError` when nobody answers,
    `TimeoutError` too.
    """
    parts = urlsplit(url)
    context = tls or ssl.create_default_context()
    try:
        certificate, _ = await _shown(parts, context)
    except ssl.SSLCertVerificationError as error:
        return await _refused(url, parts, context, error)
    except ssl.SSLError as error:
        return _no_tls(url, parts, error)
    until = certificate.get("notAfter", "") if certificate else ""
    return Finding("tls", "pass", f"{parts.hostname} until {until}")


async def _refused(
    url: str, parts: SplitResult, context: ssl.SSLContext, error: ssl.SSLCertVerificationError
) -> Finding:
    if error.verify_code in HOST_MISMATCH:
        return await _other_host(url, parts, context)
    if error.verify_code in (NOT_YET, EXPIRED):
        word = "expired" if error.verify_code == EXPIRED else "not valid yet, by this machine's clock"
        cure = f"{cures.OPERATOR} for a newer certificate, and to start the broker again\n# or set this clock"
        return Finding("tls", "fail", f"the certificate of {url} is {word}", cure)
    _, shown = await _shown(parts, _lenient())
    print_ = hashlib.sha256(shown).hexdigest()
    cure = cures.lines(
        f"# {CA_FILE}: the certificate of the authority, from the operator by a way that you trust",
        cures.setting("HARKARA_CA", CA_FILE),
    )
    seen = f"the certificate of {url} is of no authority that is trusted here ({error.verify_message}; "
    return Finding("tls", "fail", f"{seen}SHA-256 {print_})", cure)


async def _other_host(url: str, parts: SplitResult, context: ssl.SSLContext) -> Finding:
    # Its authority is trusted, so the names in it are true: only which host was asked is not compared.
    context.check_hostname = False
    try:
        certificate, _ = await _shown(parts, context)
    finally:
        context.check_hostname = True
    names = list(_names(certificate or {}))
    seen = f"the certificate of {url} is of {', '.join(names) or 'no host'}, not of {parts.hostname}"
    usable = [name for name in names if "*" not in name]
    if not usable:
        return Finding("tls", "fail", seen, f"{cures.OPERATOR} for a certificate for {parts.hostname}")
    address = f"[{usable[0]}]" if ":" in usable[0] else usable[0]
    port = f":{parts.port}" if parts.port else ""
    return Finding("tls", "fail", seen, cures.setting("HARKARA_URL", f"https://{address}{port}"))


def _no_tls(url: str, parts: SplitResult, error: ssl.SSLError) -> Finding:
    seen = f"{url} does not speak TLS as it should ({error.reason or error})"
    if parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return Finding("tls", "fail", seen, cures.setting("HARKARA_URL", f"http://{parts.netloc}"))
    return Finding("tls", "fail", seen, f"{cures.OPERATOR}: which port has TLS?")


async def _shown(parts: SplitResult, context: ssl.SSLContext) -> tuple[Mapping[str, object] | None, bytes]:
    """Give the certificate that the host shows: what is in it if it was verified, and its bytes."""
    async with asyncio.timeout(HANDSHAKE_SECONDS):
        _, writer = await asyncio.open_connection(
            parts.hostname, parts.port or 443, ssl=context, server_hostname=parts.hostname
        )
    shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
    found, encoded = shown.getpeercert(), shown.getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            await writer.wait_closed()
    return found or None, encoded or b""


def _names(certificate: Mapping[str, object]) -> Iterator[str]:
    listed = certificate.get("subjectAltName", ())
    for kind, name in listed if isinstance(listed, tuple) else ():
        if kind in ("DNS", "IP Address"):
            yield name


def _lenient() -> ssl.SSLContext:
    """Give a context that takes any certificate: to tell its fingerprint, with nothing ever sent over it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
