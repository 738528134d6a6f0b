"""What a feed yields, for people, in 80 columns, or fewer where the terminal is narrower.

What matters first stands first and loudest: that something is not real, who may see it, what is
dangerous, whom to call. There are no frames around texts, because a frame breaks where writing
directions mix; each text is isolated (`isolation`). Colour only adds: everything is said in words
too.
"""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.console import Console
from rich.text import Text

from broker.cli.isolation import (
    balanced,
    held_together,
    isolated,
    isolated_line,
    let_go,
    reads_from_right,
)
from broker.cli.moment import now
from broker.cli.refusals import harmless
from broker.cli.subject_words import subject_words
from broker.client.items import Expired, FeedItem, ReceivedBulletin, ReceivedReceipt, Unverified
from broker.protocol import times
from broker.protocol.bulletin import Bulletin

WIDTH: Final = 80
NARROWEST: Final = 40
"""What is narrower is broken by the terminal itself."""
INDENT: Final = "  "
LABEL_WIDTH: Final = 11

MARKING_STYLES: Final = {
    "TLP:CLEAR": "bold white on black",
    "TLP:GREEN": "bold #33ff00 on black",
    "TLP:AMBER": "bold #ffc000 on black",
    "TLP:AMBER+STRICT": "bold #ffc000 on black",
    "TLP:RED": "bold #ff2b2b on black",
}
"""TLP 2.0, section 6: coloured text on black."""
NOT_REAL: Final = {
    "Exercise": "EXERCISE: not a real event",
    "System": "SYSTEM: about the exchange itself",
    "Test": "TEST: no action needed",
}
TYPE_STYLES: Final = {"Alert": "bold", "Update": "bold cyan", "Cancel": "bold magenta"}
LOUD: Final = {"Extreme", "Severe"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the pipe's end be told and ended like any other (rich would exit with 1)."""
        raise  # noqa: PLE0704  (rich calls this while it handles the BrokenPipeError)


def console() -> Console:
    """Give a console on stdout as it is now, at most 80 columns wide; no text is taken for an instruction."""
    return _Console(
        file=sys.stdout,
        width=max(min(shutil.get_terminal_size((WIDTH, 0)).columns, WIDTH), NARROWEST),
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        legacy_windows=False,
    )


def show(item: FeedItem, out: Console, *, at: int | None = None) -> None:
    """Print one item of a feed as it is `at` (µs since the epoch), now unless given."""
    page = _Page(out.width, now() if at is None else at)
    match item:
        case ReceivedBulletin():
            page.bulletin(item)
        case ReceivedReceipt():
            page.receipt(item)
        case Unverified():
            page.unverified(item)
        case Expired():
            page.expired(item)
    for line in [*page.lines, Text()]:
        out.print(line)


def clock(at: int) -> str:
    """Give a time (µs) as people here read it: in this machine's zone, with its offset."""
    text = (_EPOCH + timedelta(microseconds=at)).astimezone().isoformat(sep=" ", timespec="minutes")
    return text.replace("+00:00", " UTC")


class _Page:
    """The lines of one item, none wider than `width` cells."""

    def __init__(self, width: int, at: int) -> None:
        self.lines: list[Text] = []
        self._width = width
        self._at = at

    def bulletin(self, item: ReceivedBulletin) -> None:
        it = item.bulletin
        self._heading(item)
        if it.status in NOT_REAL:
            banner = f" {NOT_REAL[it.status]} "
            self.lines.append(Text(banner.center(self._width, "▒"), "bold black on yellow"))
        self._texts(it)
        self.lines.append(Text())
        self._action(it)
        self._about(it)
        self._source(item)

    def receipt(self, item: ReceivedReceipt) -> None:
        it = item.receipt
        style = {"refused": "bold red", "denied": "bold red", "confirmed": "bold green"}.get(it.kind, "bold")
        lead, by, at = f"── {item.number} ── ", f" by {it.agency}", f", {clock(item.taken_at)}"
        fits = len(lead + it.kind + by + at) <= self._width
        self.lines.append(Text.assemble((lead, "bold"), (it.kind, style), by, at if fits else ""))
        if not fits:
            self._field("AT", clock(item.taken_at))
        if it.actor:
            self._field("WHO", it.actor)
        self._field("ABOUT", f"{it.originator}/{it.bulletin}", "dim")
        if it.until:
            self._field("UNTIL", clock(times.parse(it.until)))
        if it.note:
            self._field("NOTE", it.note)

    def unverified(self, item: Unverified) -> None:
        words, style = f"NOT VERIFIED, content withheld ({harmless(item.kind)})", "bold red"
        if item.withheld:
            words, style = f"NOT GIVEN ({harmless(item.kind)})", "bold yellow"
        self._ruled(f"━━ {item.number} ━━", (), words, style)
        self._field("REASON", harmless(item.reason))
        self._field("CODE", item.code, "dim")

    def expired(self, item: Expired) -> None:
        numbers = f"{item.first}" if item.first == item.last else f"{item.first} to {item.last}"
        self._ruled(f"━━ {numbers} ━━", (), "EXPIRED before read", "bold yellow")
        self._field("REASON", "expired and removed by the broker before this consumer read")

    def _heading(self, item: ReceivedBulletin) -> None:
        it = item.bulletin
        facts = [str(fact) for fact in (it.type, it.category, it.severity, it.urgency, it.certainty) if fact]
        style = "bold red" if it.severity in LOUD else TYPE_STYLES[it.type]
        marking = (f" {it.marking} ", MARKING_STYLES[it.marking])
        self._ruled(f"━━ {item.number or '·'} ━━", marking, " · ".join(facts), style)

    def _ruled(self, lead: str, marking: tuple[str, str] | tuple[()], words: str, style: str) -> None:
        """Put words at the end of a rule; those that do not fit beside it go below it."""
        taken = len(lead) + len(marking[0] if marking else "")
        rule = self._width - taken - len(words) - 1
        beside = rule >= 2
        ruled = f"{'━' * rule} " if beside else "━" * max(self._width - taken, 0)
        parts = [(lead, "bold"), *([marking] if marking else []), (ruled, "bold")]
        self.lines.append(Text.assemble(*parts, *([(words, style)] if beside else [])))
        if not beside:
            self._block(words, style)

    def _texts(self, it: Bulletin) -> None:
        blocks = list((it.text or {}).values())
        apart = any(block.description or block.instruction for block in blocks)
        for n, block in enumerate(blocks):
            if n and apart:  # headlines alone stand together
                self.lines.append(Text())
            self._block(block.headline, "bold")
            for text, style in ((block.description, ""), (block.instruction, "bold cyan")):
                for part in text.split("\n") if text else ():
                    self._block(part, style)

    def _action(self, it: Bulletin) -> None:
        if it.warnings:
            self._field("WARNING", " · ".join(it.warnings).upper(), "bold white on red")
        if it.action:
            self._field("DO", it.action, "bold")
        if it.contact:
            hours = f" ({isolated(it.contact.hours)})" if it.contact.hours else ""
            self._field("CALL", f"{it.contact.phone}  {isolated(it.contact.desk)}{hours}", "bold")
        if it.handling:
            self._field("HANDLING", " ".join(filter(None, (it.handling.code, it.handling.text))))

    def _about(self, it: Bulletin) -> None:
        places = (f"{isolated(area.name)}{f' ({area.code})' if area.code else ''}" for area in it.areas)
        for place in dict.fromkeys(places):  # a place of several outlines is one place
            self._field("WHERE", place)
        for subject in it.subjects:
            what, known = subject_words(subject)
            self._field("ABOUT", f"{what}: {known}")
        for one in it.attachments:
            self._field("FILE", f"{isolated(one.name)}, {one.media_type}, {one.size} bytes")

    def _source(self, item: ReceivedBulletin) -> None:
        it = item.bulletin
        if (until := item.respond_by_at) is not None:
            self._field("ANSWER BY", f"{clock(until)}  {isolated(it.request or '')}", "bold yellow")
            if item.number:
                self._field("", f"harkara answer {item.number} confirmed|denied|later", "dim")
        self._field("FROM", f"{it.originator}, accepted {clock(item.taken_at)}{_rating(it)}")
        if it.references:
            self._field("REPLACES" if it.type == "Update" else "CANCELS", ", ".join(it.references))
        if item.unknown_references:
            self._field("", f"not in this inbox: {', '.join(item.unknown_references)}", "bold yellow")
        if it.expires_at <= self._at:
            self._field("EXPIRED", f"at {clock(it.expires_at)}", "bold red")
        else:
            self._field("VALID", f"until {clock(it.expires_at)}")
        again = "  (again)" if item.redelivered else ""
        self._field("ID", f"{it.originator}/{it.id}{again}", "dim")

    def _field(self, label: str, text: str, style: str = "") -> None:
        lead, from_right = label, reads_from_right(text)
        for part in text.split("\n"):
            for line in _wrapped(part, self._width - len(INDENT) - LABEL_WIDTH):
                shown = (isolated_line(line, from_right=from_right), style)
                self.lines.append(Text.assemble((INDENT + lead.ljust(LABEL_WIDTH), "dim"), shown))
                lead = ""

    def _block(self, text: str, style: str) -> None:
        from_right = reads_from_right(text)
        for line in _wrapped(text, self._width - 2 * len(INDENT)):
            self.lines.append(Text.assemble(INDENT, (isolated_line(line, from_right=from_right), style)))


def _rating(it: Bulletin) -> str:
    if it.evaluation is None:
        return ""
    scale = type(it.evaluation).__name__
    return f", {scale} {it.evaluation.source}{it.evaluation.information}"


def _wrapped(text: str, width: int) -> list[str]:
    # rich counts cells: a Chinese character is two wide, a vowel mark none.
    measure = Console(width=width, file=sys.stdout, legacy_windows=False)
    lines = Text(held_together(text)).wrap(measure, width)
    return list(balanced(let_go(line.plain.rstrip(), text) for line in lines))
