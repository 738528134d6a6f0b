"""Group commit: the one task that appends to the log, and what each caller is told.

Requests that arrive while a group is under way form the next group (at most 64 items and 1 MiB), so one fsync
serves many. On an error or a lost reply the same bytes are sent once more: the ids make that safe, and an
item that the first attempt wrote comes back with its own stamp. After a second failure every caller is told
that the outcome is unknown. A caller that is cancelled changes nothing: its item is written with its group.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from broker.errors import HarkaraError, OutcomeUnknown, StoreUnavailable
from broker.store import names
from broker.store.connection import Connections
from broker.store.log import STAMP_LIMIT_BYTES
from broker.store.records import Appended, Conflicting, NewItem, Outcome, Repeated, StaleRegistry, StaleStamp
from broker.store.refusals import RETRY_AFTER_S, outcome_unknown, refused_before_writing, unavailable
from broker.store.script_call import Argument, Script

GROUP_ITEMS = 64
GROUP_BYTES = 1024 * 1024
STAMP_TOLERANCE_US = 4_000_000
"""How far a stamp may lag the latest one in the log. A recipient accepts 5 s."""
QUEUE_BYTES = 64 * 1024 * 1024
"""How much may wait for the store before more is refused."""
WAIT_MS = 2_000
"""How long a group waits for its replicas."""


@dataclass(slots=True)
class _Request:
    item: NewItem
    answer: asyncio.Future[Outcome]


class Committer:
    """Appends items in groups. Start it once a process; `replicas` is how many must have each group before it
    counts.
    """

    def __init__(self, connections: Connections, *, replicas: int = 0) -> None:
        self._connections = connections
        self._client = connections.appending
        self._script = Script("append")
        self._replicas = replicas
        self._waiting: deque[_Request] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> asyncio.Task[None]:
        """Start the task that commits, in the running loop. It ends with `close` alone."""
        self._task = asyncio.create_task(self._run(), name="harkara-committer")
        return self._task

    async def close(self) -> None:
        """Commit what is waiting, then stop. Later items are refused."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def commit(self, item: NewItem) -> Outcome:
        """Append `item` and say what became of it.

        Gives one of the `Outcome`s; a stale item wrote nothing and may be given again after it was mended.
        Raises `StoreUnavailable` when the store certainly wrote nothing, `OutcomeUnknown` when it may have,
        and `UnsafeConfiguration` when the store's settings turned out to be unsafe on a new connection.
        """
        if len(item.stamp) > STAMP_LIMIT_BYTES:
            raise ValueError(f"a stamp is at most {STAMP_LIMIT_BYTES} bytes")
        if self._closing or self._task is None or self._task.done():
            raise StoreUnavailable("the broker is stopping", retry_after=RETRY_AFTER_S)
        if self._waiting_bytes + item.size > QUEUE_BYTES:
            raise StoreUnavailable("the store is slower than what arrives", retry_after=RETRY_AFTER_S)
        request = _Request(item, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._waiting_bytes += item.size
        self._arrived.set()
        return await request.answer

    async def confirm_repeat(self) -> None:
        """Make sure that a repeat found by a read is as safe as a first answer. Needed with replicas, else at
        once.

        Raises `OutcomeUnknown` when too few replicas answer.
        """
        if not self._replicas:
            return
        try:
            await self._client.hincrby(names.STATE, "repeats", 1)
            await self._wait_for_replicas(self._connections.appending_opened)
        except (RedisError, OSError) as error:
            raise outcome_unknown(error) from error

    async def _run(self) -> None:
        try:
            while self._waiting or not self._closing:
                if not self._waiting:
                    self._arrived.clear()
                    await self._arrived.wait()
                    continue
                group = self._next_group()
                try:
                    await self._answer(group)
                finally:
                    _refuse(group, OutcomeUnknown("the broker is stopping: repeat the request"))
        finally:
            # Whatever happens to this task, nobody waits for ever.
            _refuse(self._waiting, StoreUnavailable("the broker is stopping", retry_after=RETRY_AFTER_S))

    async def _answer(self, group: Sequence[_Request]) -> None:
        try:
            outcomes = await self._append([request.item for request in group])
        except HarkaraError as error:
            _refuse(group, error)
            return
        for request, outcome in zip(group, outcomes, strict=True):
            if not request.answer.done():
                request.answer.set_result(outcome)

    def _next_group(self) -> list[_Request]:
        group, size = [], 0
        while self._waiting and len(group) < GROUP_ITEMS:
            size += self._waiting[0].item.size
            if group and size > GROUP_BYTES:
                break
            request = self._waiting.popleft()
            self._waiting_bytes -= request.item.size
            group.append(request)
        return group

    async def _append(self, items: Sequence[NewItem]) -> list[Outcome]:
        keys, arguments = self._call(items)
        try:
            replies = await self._attempt(keys, arguments)
        except (RedisError, OSError) as error:
            if refused_before_writing(error):
                raise unavailable(error) from error
        else:
            return [_outcome(reply) for reply in replies]
        try:
            replies = await self._attempt(keys, arguments)
        except (RedisError, OSError) as error:
            raise outcome_unknown(error) from error
        return [_own(item, _outcome(reply)) for item, reply in zip(items, replies, strict=True)]

    async def _attempt(self, keys: Sequence[str], arguments: Sequence[Argument]) -> list[list[bytes]]:
        replies = await self._script(self._client, keys, arguments)
        await self._wait_for_replicas(self._connections.appending_opened)
        return replies

    async def _wait_for_replicas(self, wrote: int) -> None:
        """Wait until enough replicas have what the connection number `wrote` has written."""
        if self._replicas:
            reached: Any = await self._client.execute_command("WAIT", self._replicas, WAIT_MS)
            if wrote != self._connections.appending_opened:
                # A connection that has written nothing waits for nothing.
                raise RedisConnectionError("the connection that wrote was lost")
            if int(reached) < self._replicas:
                raise OutcomeUnknown(
                    f"only {reached} of {self._replicas} replicas have the write: repeat the request",
                    retry_after=RETRY_AFTER_S,
                )

    def _call(self, items: Sequence[NewItem]) -> tuple[list[str], list[Argument]]:
        keys = [names.LOG, names.STATE]
        arguments: list[Argument] = [STAMP_TOLERANCE_US, "1" if self._replicas else "0"]
        for item in items:
            keys += [
                names.body(item.item),
                names.decision(item.item),
                names.opening(item.item),
                names.receipts(item.receipt_of or item.item),
            ]
            arguments += [
                item.item,
                item.kind,
                item.registry_version,
                item.taken_at,
                item.stmt,
                item.stamp,
                item.digest,
                item.sealed,
                item.decision,
                item.opening,
                item.expires_at,
                "1" if item.receipt_of else "0",
            ]
        return keys, arguments


def _refuse(group: Iterable[_Request], error: HarkaraError) -> None:
    for request in group:
        if not request.answer.done():
            # Each its own: an exception that several tasks raise collects all their tracebacks.
            own = type(error)(error.detail, *error.problems, retry_after=error.retry_after)
            request.answer.set_exception(own)


def _outcome(reply: Sequence[bytes]) -> Outcome:
    kind = reply[0]
    if kind == b"new":
        return Appended(reply[1].decode())
    if kind == b"repeat":
        return Repeated(reply[1].decode(), reply[2])
    if kind == b"conflict":
        return Conflicting(reply[1].decode())
    if kind == b"registry":
        return StaleRegistry(int(reply[1]))
    return StaleStamp(int(reply[1]))


def _own(item: NewItem, outcome: Outcome) -> Outcome:
    """Recognise what the first attempt wrote by its stamp: two stamps of one statement are never the same
    bytes.
    """
    if isinstance(outcome, Repeated) and outcome.stamp == item.stamp:
        return Appended(outcome.position)
    return outcome
