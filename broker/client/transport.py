"""The way to the broker: one HTTP session with limits, and every failure as an error of the family.

Addresses must be https, or http to this machine. Redirects are not followed (a signed read is for one
authority), nothing is decompressed, no cookie is kept, no proxy is taken from the environment, and no answer
is read beyond its limit. What the network or TLS does wrong is named in words and never with content.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import aiohttp

from broker import __version__
from broker.client.problems import problem_of
from broker.client.signing import ReadSigner
from broker.errors import HarkaraError, Malformed, NotAuthentic, Unreachable, UnsafeConfiguration
from broker.protocol.keys import SigningKey
from broker.protocol.limits import BODY_BYTES

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
ANSWER_BYTES = 4 * BODY_BYTES
"""The most bytes of an answer, where a caller names no other limit: one sealed item in base64 is below it."""
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What the broker answered. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Chunks:
    """The body of an answer as it arrives. A read that is cancelled loses nothing."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def read(self) -> bytes:
        """Give the next bytes, empty at the end. Raises `Unreachable`."""
        with _named_failures(str(self._response.url.origin())):
            return await self._response.content.readany()


class Transport:
    """One session with one broker. `key` gives the signing key for reads; without it nothing can be read
    signed. `refused` is told of a key that was not taken, and why, and tells whether `key` gives another now.
    """

    def __init__(
        self,
        url: str,
        *,
        key: Callable[[], SigningKey] | None,
        now: Callable[[], int],
        tls: ssl.SSLContext | None = None,
        plain_http: bool = False,
        refused: Callable[[bytes, HarkaraError], bool] | None = None,
    ) -> None:
        self._base = check_url(url, plain_http=plain_http)
        self._refused = refused
        self._key = key
        self._now = now
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls if tls is not None else True),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"harkara/{__version__}", "Accept-Encoding": "identity"},
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """End the session."""
        await self._session.close()

    async def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        accept: str = "application/json",
        most_bytes: int = ANSWER_BYTES,
        seconds: float = ANSWER_SECONDS,
        have: str | None = None,
    ) -> Answer:
        """Give the answer to a signed read; status 304 when `have` names what the broker would give (its
        ETag).

        Raises the broker's refusal, or `Unreachable`.
        """
        return _require_success(
            await self.exchange(
                "GET", _target(path, query), accept=accept, most_bytes=most_bytes, seconds=seconds, have=have
            )
        )

    async def send(
        self,
        method: str,
        path: str,
        body: bytes,
        *,
        media_type: str = "application/json",
        signed: bool = False,
        most_bytes: int = ANSWER_BYTES,
        seconds: float = ANSWER_SECONDS,
    ) -> Answer:
        """Send a body; `signed` signs the request too, for bodies that are no signed documents themselves.

        Raises the broker's refusal, or `Unreachable`.
        """
        return _require_success(
            await self.exchange(
                method,
                path,
                body,
                media_type=media_type,
                signed=signed,
                most_bytes=most_bytes,
                seconds=seconds,
            )
        )

    async def exchange(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        media_type: str = "application/json",
        accept: str = "*/*",
        signed: bool = True,
        most_bytes: int = ANSWER_BYTES,
        seconds: float = ANSWER_SECONDS,
        have: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Give the answer to one request whatever its status; `headers` come in place of ours. Raises
        `Unreachable`, `NotAuthentic`, `Malformed`.
        """
        timeout = aiohttp.ClientTimeout(total=seconds, connect=CONNECT_SECONDS)
        ours = {"Accept": accept} | ({"If-None-Match": f'"{have}"'} if have is not None else {})
        given = {name.lower() for name in headers or ()}
        sent = {name: value for name, value in ours.items() if name.lower() not in given} | dict(
            headers or {}
        )
        while True:
            key = self._reading_key() if signed else None
            with _named_failures(self._base):
                async with self._request(method, target, body, media_type, sent, key, timeout) as response:
                    content = bytearray()
                    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                        content += chunk
                        if len(content) > most_bytes:
                            raise Malformed(f"the broker's answer is longer than {most_bytes} bytes")
                    answer = Answer(response.status, _headers(response), bytes(content))
            if key is None or not self._has_another(key, answer.status, answer.body):
                return answer

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str] | None = None, *, accept: str
    ) -> AsyncIterator[Chunks]:
        """Give the chunks of a signed read that does not end by itself. Raises the broker's refusal."""
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS)
        target, headers = _target(path, query), {"Accept": accept}
        while True:
            async with contextlib.AsyncExitStack() as stack:
                key = self._reading_key()
                with _named_failures(self._base):
                    asking = self._request("GET", target, None, "", headers, key, timeout)
                    response = await stack.enter_async_context(asking)
                    body = await response.content.read(ANSWER_BYTES) if response.status != 200 else b""
                if response.status == 200:
                    yield Chunks(response)
                    return
                if not self._has_another(key, response.status, body):
                    raise problem_of(response.status, body, retry_after=response.headers.get("Retry-After"))

    def _reading_key(self) -> SigningKey:
        if self._key is None:
            raise UnsafeConfiguration("a signed read needs an identity")
        return self._key()

    def _has_another(self, key: SigningKey, status: int, body: bytes) -> bool:
        """Tell whether an answer refuses the key, and there is another to ask with."""
        return (
            status == 401 and self._refused is not None and self._refused(key.kid, problem_of(status, body))
        )

    def _request(
        self,
        method: str,
        target: str,
        body: bytes | None,
        media_type: str,
        headers: Mapping[str, str],
        key: SigningKey | None,
        timeout: aiohttp.ClientTimeout,
    ) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if body is not None:
            headers = {**headers, "Content-Type": media_type}
        signer: tuple[aiohttp.ClientMiddlewareType, ...] = ()
        if key is not None:
            signer = (ReadSigner(key, self._now, body),)
        return self._session.request(
            method,
            self._base + target,
            data=body,
            headers=headers,
            middlewares=signer,
            timeout=timeout,
            allow_redirects=False,
        )


def check_url(url: str, *, plain_http: bool = False) -> str:
    """Give a broker's address without a slash at its end. Raises `UnsafeConfiguration`."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UnsafeConfiguration(f"not the address of a broker: {error}") from None
    if parts.scheme not in ("https", "http") or not host or parts.username or parts.query or parts.fragment:
        raise UnsafeConfiguration("the address of a broker is https://HOST, or https://HOST:PORT")
    if parts.scheme == "http" and not plain_http and not _is_this_machine(host):
        raise UnsafeConfiguration(
            f"http to {host} would send in clear: use https, or say that something else encrypts"
        )
    return url.rstrip("/")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _target(path: str, query: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _require_success(answer: Answer) -> Answer:
    if 200 <= answer.status < 300 or answer.status == 304:
        return answer
    raise problem_of(answer.status, answer.body, retry_after=answer.headers.get("retry-after"))


def _reason(error: OSError) -> str:
    # The event loop gives a refused connection the address for words, which are here before them.
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or "the connection was refused"


@contextlib.contextmanager
def _named_failures(base: str) -> Iterator[None]:
    """Turn whatever the network, TLS or HTTP does wrong into an error that says what it was, and where."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        raise NotAuthentic(
            f"TLS: the certificate of {base} does not verify: {error.certificate_error}"
        ) from None
    except aiohttp.ClientSSLError as error:
        raise Unreachable(f"TLS: no agreement with {base}: {error.os_error}") from None
    except aiohttp.ClientConnectorError as error:
        raise Unreachable(f"no broker answers at {base}: {_reason(error.os_error)}") from None
    except TimeoutError:
        raise Unreachable(f"the broker at {base} did not answer in time") from None
    except aiohttp.InvalidURL:
        raise UnsafeConfiguration("the address or path cannot be asked for") from None
    except aiohttp.ClientError as error:
        raise Unreachable(f"the connection to {base} failed: {type(error).__name__}") from None
    except OSError as error:
        raise Unreachable(f"the connection to {base} failed: {error.strerror}") from None
