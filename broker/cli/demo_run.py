"""Playing the demonstration: every agency follows its feed, every scene is posted, and each expectation is
held.

What an agency hears is taken from its own verified feed, never from what the broker says it delivered. A
scene is over when everybody who must hear it has it and their receipts are back at its originator; whoever
must not hear it is checked at the end of all scenes, when something wrong would long have arrived.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from broker.cli.demo_exchange import DemoExchange
from broker.cli.demo_scenario import MEMBERS, REFUSALS, SCENES, Refusal, Scene
from broker.cli.moment import now
from broker.client import Agency, Posted, Reach, ReceivedBulletin, ReceivedReceipt, Unverified
from broker.errors import HarkaraError
from broker.protocol import times
from broker.protocol.limits import DAY_US

SCENE_SECONDS = 20.0
"""How long a scene may take on a machine that is busy with other things."""
QUIET_SECONDS = 0.3
"""How long silence is listened to at the end."""


@dataclass(slots=True)
class Heard:
    """What one agency's feed has given, by (originator, id)."""

    bulletins: dict[tuple[str, str], ReceivedBulletin] = field(default_factory=dict)
    at: dict[tuple[str, str], float] = field(default_factory=dict)
    receipts: list[ReceivedReceipt] = field(default_factory=list)
    unverified: list[Unverified] = field(default_factory=list)
    twice: int = 0
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of one scene at one agency. `ms` from the call of `post` to the verified item; None:
    nothing came.
    """

    agency: str
    expected: bool
    ms: float | None
    reason: str
    receipts: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Tell whether what happened is what had to happen."""
        return (self.ms is not None) == self.expected and (not self.expected or "opened" in self.receipts)


@dataclass(frozen=True, slots=True)
class Played:
    """One scene as it went."""

    scene: Scene
    posted: Posted
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """An attempt that had to be refused, and with which code it was (None: it was taken)."""

    refusal: Refusal
    code: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that happened. `failures` are sentences; without any, every expectation held."""

    played: tuple[Played, ...]
    refused: tuple[Refused, ...]
    failures: tuple[str, ...]
    expectations: int


class Stage:
    """The agencies, connected and listening."""

    def __init__(self, agencies: dict[str, Agency]) -> None:
        self._agencies = agencies
        self._heard = {agency: Heard() for agency in agencies}
        self._news = asyncio.Condition()

    async def listen(self, agency: str) -> None:
        """Follow one agency's feed, and tell the originator of each bulletin that it was opened."""
        heard = self._heard[agency]
        try:
            async for item in self._agencies[agency].feed():
                if isinstance(item, Unverified):
                    heard.unverified.append(item)
                elif isinstance(item, ReceivedReceipt):
                    heard.receipts.append(item)
                elif isinstance(item, ReceivedBulletin):
                    key = (item.originator, item.id)
                    heard.twice += key in heard.bulletins
                    heard.bulletins[key], heard.at[key] = item, time.perf_counter()
                    await item.acknowledge("opened")
                await self._tell()
        except HarkaraError as error:
            heard.failure = f"{error.code}: {error.detail}"
            await self._tell()

    async def play(self) -> Report:
        """Play all scenes and attempts, and say what happened."""
        posted: dict[str, Posted] = {}
        began: dict[str, float] = {}
        reaches: dict[str, tuple[Reach, ...]] = {}
        for scene in SCENES:
            document = _document(scene, posted)
            originator = self._agencies[scene.originator]
            reaches[scene.key] = await originator.audience(document, to=scene.to, blind=scene.blind)
            began[scene.key] = time.perf_counter()
            posted[scene.key] = await originator.post(document, to=scene.to, blind=scene.blind)
            await self._until_heard(scene, posted[scene.key])
        refused = [await self._attempt(refusal) for refusal in REFUSALS]
        await asyncio.sleep(QUIET_SECONDS)
        played = tuple(
            Played(
                scene,
                posted[scene.key],
                tuple(self._cells(scene, posted[scene.key], began[scene.key], reaches[scene.key])),
            )
            for scene in SCENES
        )
        failures = list(self._failures(played, refused))
        cells = sum(len(each.cells) for each in played)
        return Report(played, tuple(refused), tuple(failures), cells + len(refused) + len(self._heard))

    async def _until_heard(self, scene: Scene, posted: Posted) -> None:
        key = (posted.originator, posted.id)
        if scene.answer:
            agency, word = scene.answer
            await self._until(lambda: key in self._heard[agency].bulletins)
            if (bulletin := self._heard[agency].bulletins.get(key)) is not None:
                await bulletin.answer(word)
        words = len(scene.hears) + (1 if scene.answer else 0)
        await self._until(
            lambda: (
                all(key in self._heard[agency].bulletins for agency in scene.hears)
                and len(self._words(scene.originator, posted.id)) >= words
            )
        )

    async def _until(self, happened: Any) -> None:
        # What does not come in time is found missing by the cells: no need to raise here.
        try:
            async with asyncio.timeout(SCENE_SECONDS), self._news:
                await self._news.wait_for(happened)
        except TimeoutError:
            return

    async def _attempt(self, refusal: Refusal) -> Refused:
        agency = self._agencies[refusal.who]
        body = agency.sign(refusal.document | {"expires": _expires()})
        if refusal.spoil:
            body = _spoilt(body)
        answer = await agency.request("POST", "/v1/bulletins", body)
        if answer.status < 400:
            return Refused(refusal, None)
        return Refused(refusal, str(json.loads(answer.body).get("type", "")).rpartition(":")[2])

    def _cells(self, scene: Scene, posted: Posted, began: float, reaches: Iterable[Reach]) -> Iterable[Cell]:
        key = (posted.originator, posted.id)
        reasons = {reach.agency: reach.reason for reach in reaches}
        for member in MEMBERS:
            if member.id == scene.originator:
                continue
            at = self._heard[member.id].at.get(key)
            words = tuple(
                sorted(
                    word for agency, word in self._words(scene.originator, posted.id) if agency == member.id
                )
            )
            ms = None if at is None else (at - began) * 1000
            yield Cell(member.id, member.id in scene.hears, ms, reasons.get(member.id, ""), words)

    def _words(self, originator: str, bulletin: str) -> list[tuple[str, str]]:
        receipts = (each.receipt for each in self._heard[originator].receipts)
        return [(receipt.agency, receipt.kind) for receipt in receipts if receipt.bulletin == bulletin]

    def _failures(self, played: Iterable[Played], refused: Iterable[Refused]) -> Iterable[str]:
        for each in played:
            for cell in each.cells:
                if not cell.holds:
                    what = "received nothing of" if cell.ms is None else "received"
                    yield f"{cell.agency} {what} {each.scene.title!r}, or its receipt is missing"
        for attempt in refused:
            if attempt.code != attempt.refusal.code:
                yield f"{attempt.refusal.attempt}: {attempt.code or 'taken'}, not {attempt.refusal.code}"
        for agency, heard in self._heard.items():
            if heard.failure:
                yield f"{agency}'s feed broke: {heard.failure}"
            if heard.unverified or heard.twice:
                yield f"{agency}: {len(heard.unverified)} items did not verify, {heard.twice} came twice"

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


@asynccontextmanager
async def on_stage(demo: DemoExchange, url: str) -> AsyncIterator[Stage]:
    """Connect every agency of the story and let it listen while the context lasts."""
    async with AsyncExitStack() as stack:
        agencies: dict[str, Agency] = {}
        for member in MEMBERS:
            connecting = Agency.connect(
                url,
                identity=demo.identities[member.id],
                registry=demo.registry,
                state=demo.directory / "stage" / member.id,
            )
            agencies[member.id] = await stack.enter_async_context(connecting)
        stage = Stage(agencies)
        listening = [asyncio.create_task(stage.listen(agency)) for agency in agencies]
        try:
            yield stage
        finally:
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)


def _document(scene: Scene, posted: dict[str, Posted]) -> dict[str, Any]:
    references = {"references": [posted[scene.about].id]} if scene.about else {}
    return scene.document | references | {"expires": _expires()}


def _expires() -> str:
    return times.format((now() + DAY_US) // 1_000_000 * 1_000_000)


def _spoilt(body: bytes) -> bytes:
    post = json.loads(body)
    payload = post["statement"]["payload"]
    # Any other letter of base64 in the middle of the signed bytes.
    middle = len(payload) // 2
    other = "A" if payload[middle] != "A" else "B"
    post["statement"]["payload"] = payload[:middle] + other + payload[middle + 1 :]
    return json.dumps(post).encode()
