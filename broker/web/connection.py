"""One connection: the guards that stand below HTTP, where aiohttp has none.

- A peer has so many connections and no more.
- The head of a request arrives within its time, or the answer is 408 (slow loris).
- Whoever does not read the answer is cut.
- A parser's refusal and a fault of ours leave as problems, never as aiohttp's text, which repeats input.
- When the broker stops, a request whose body is still arriving is read to its end.

It leans on aiohttp's `RequestHandler` in five places, each beside the test that fails when aiohttp changes:
`connection_made`, `data_received`, `close`, `handle_error`, `finish_response`; and a request's `_cache`.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

import structlog
from aiohttp import HttpVersion10, HttpVersion11, web

from broker.errors import HarkaraError, Malformed, Problem, RateLimited, RequestTimeout
from broker.web import problems, unreadable
from broker.web.limits import Limits
from broker.web.request_id import request_id_of

log = structlog.get_logger("harkara.web")

Peer = str


class Peers:
    """Counts the open connections of each address."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[Peer] = Counter()

    def enter(self, peer: Peer) -> bool:
        """Count one more connection, or say that there are too many."""
        if self._most and self._open[peer] >= self._most:
            return False
        self._open[peer] += 1
        return True

    def leave(self, peer: Peer) -> None:
        """Count one less."""
        self._open[peer] -= 1
        if not self._open[peer]:
            del self._open[peer]


class Connection(web.RequestHandler):
    """An HTTP/1 connection under `Limits`."""

    __slots__ = ("_began", "_draining", "_head_timer", "_limits", "_peer", "_peers", "_refused", "lost")

    def __init__(
        self,
        manager: web.Server,
        *,
        limits: Limits,
        peers: Peers,
        refused: Callable[[str], None],
        **options: Any,
    ) -> None:
        super().__init__(manager, **options)
        self._refused = refused
        self._limits = limits
        self._peers = peers
        self._peer: Peer | None = None
        self._began: float | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._draining = False
        self.lost = asyncio.Event()
        """Set when the peer is gone: whoever waits on its behalf may stop."""

    # --- What the peer does -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or refuse it when its peer has too many."""
        whole = cast("asyncio.Transport", transport)
        address = whole.get_extra_info("peername")
        peer = str(address[0]) if isinstance(address, tuple) else "local"
        if not self._peers.enter(peer):
            self._force_close = True  # nothing it sends is parsed
            self._refuse_raw(whole, RateLimited("too many connections from this address", retry_after=5.0))
            whole.close()
            return
        self._peer = peer
        cut_when_unread(whole, self._limits.write_seconds)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self.lost.set()
        self._stop_head_timer()
        if self._peer is not None:
            self._peers.leave(self._peer)
            self._peer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and start the clock of a head that is not complete."""
        between = self._is_between_requests()
        super().data_received(data)
        if not between:
            return
        if self._messages:
            self._stop_head_timer()
            self._began = self._began or self._loop.time()
        elif self._head_timer is None and data.strip(b"\r\n"):
            self._began = self._loop.time()
            self._head_timer = self._loop.call_later(self._limits.head_and_body_seconds, self._head_is_late)

    def take_began(self) -> float:
        """Give the loop's time at which the current request began to arrive."""
        began, self._began = self._began, None
        return self._loop.time() if began is None else began

    # --- What the server does ---------------------------------------------------------------------

    def close(self) -> None:
        """End the connection after the request in hand. (aiohttp would stop reading its body.)"""
        if self._current_request is None:
            super().close()
        else:
            self._draining = True

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer within its time; an answer that aiohttp made becomes ours."""
        if isinstance(resp, web.HTTPException):
            resp = problems.from_aiohttp(resp, request_id_of(request))
            resp.force_close()
        if self._draining:
            resp.force_close()
        if request.version not in (HttpVersion10, HttpVersion11):
            # It is refused by now. aiohttp would begin the answer with the version that was asked for.
            request._cache["version"] = HttpVersion11
        size = len(resp.body) if isinstance(resp, web.Response) and isinstance(resp.body, bytes) else 0
        try:
            async with asyncio.timeout(
                self._limits.write_seconds + size / self._limits.body_bytes_per_second
            ):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            self._abort()
            raise ConnectionResetError("the peer does not read its answer") from None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Give the answer to what the parser refused (400), or to a fault of ours (500), and end the
        connection.
        """
        request_id = request_id_of(request)
        if request.writer.output_size > 0:
            log.error("fault-after-answer", request_id=request_id, exc_info=exc)
            raise ConnectionResetError("part of an answer is sent")
        if status < 500:
            log.info("refused", request_id=request_id, code=Malformed.code, status=400)
            self._refused(Malformed.code)
            answer = problems.response(unreadable.refusal(exc, self._limits), request_id)
        else:
            log.error("fault", request_id=request_id, exc_info=exc)
            self._refused(problems.INTERNAL)
            answer = problems.internal(request_id)
        answer.force_close()
        return answer

    # --- Inside -----------------------------------------------------------------------------------

    def _is_between_requests(self) -> bool:
        # `_waiter` stands while the connection waits for a request; before its first turn it has none yet.
        return self._request_count == 0 or (self._waiter is not None and not self._waiter.done())

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.transport is not None and self._is_between_requests():
            late = RequestTimeout(
                "the request did not arrive in time",
                Problem("", f"headers within {self._limits.head_and_body_seconds:g} s", "a part of them"),
            )
            self._refuse_raw(self.transport, late)
            self.force_close()

    def _refuse_raw(self, transport: asyncio.Transport, error: HarkaraError) -> None:
        request_id = uuid4().hex
        log.info("refused", request_id=request_id, code=error.code, status=error.status)
        self._refused(error.code)
        transport.write(problems.raw(error, request_id))

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _abort(self) -> None:
        # close() would wait for what the peer does not read.
        if self.transport is not None:
            self.transport.abort()


def connection_of(request: web.BaseRequest) -> Connection:
    """Give the connection of a request. Raises TypeError where another server than ours made it."""
    if not isinstance(request.protocol, Connection):
        raise TypeError("not one of our connections")
    return request.protocol


def cut_when_unread(transport: asyncio.Transport, seconds: float) -> None:
    """Set the kernel's own limit, below ours: a closed connection whose last bytes nobody takes must not stay
    for ever.
    """
    found = transport.get_extra_info("socket")
    if (
        found is not None
        and found.family != getattr(socket, "AF_UNIX", None)
        and hasattr(socket, "TCP_USER_TIMEOUT")
    ):
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
