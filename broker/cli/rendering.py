"""What a feed yields, for people, in 80 columns.

What matters first stands first and loudest: that something is not real, who may see it, what is
dangerous, whom to call. There are no frames around texts, because a frame breaks where writing
directions mix; each text is isolated (`isolation`). Colour only adds: everything is said in words
too.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.console import Console
from rich.text import Text

from broker.cli.isolation import isolated, isolated_line, reads_from_right
from broker.cli.refusals import harmless
from broker.cli.subject_words import subject_words
from broker.client.items import FeedItem, ReceivedBulletin, ReceivedReceipt, Unverified
from broker.protocol import times
from broker.protocol.bulletin import Bulletin

WIDTH: Final = 80
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
    """Give a console on stdout as it is now: 80 columns, nothing of a text taken for an instruction."""
    return _Console(
        file=sys.stdout,
        width=WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        legacy_windows=False,
    )


def show(item: FeedItem, out: Console) -> None:
    """Print one item of a feed."""
    lines = {ReceivedBulletin: _bulletin, ReceivedReceipt: _receipt, Unverified: _unverified}[type(item)](
        item
    )
    for line in [*lines, Text()]:
        out.print(line)


def clock(at: int) -> str:
    """Give a time (µs) as people here read it: in this machine's zone, with its offset."""
    text = (_EPOCH + timedelta(microseconds=at)).astimezone().isoformat(sep=" ", timespec="minutes")
    return text.replace("+00:00", " UTC")


def _bulletin(item: ReceivedBulletin) -> list[Text]:
    it = item.bulletin
    facts = " · ".join(
        str(fact) for fact in (it.type, it.category, it.severity, it.urgency, it.certainty) if fact
    )
    marking = f" {it.marking} "
    heading = f"━━ {item.number or '·'} ━━"
    rule = "━" * max(WIDTH - len(heading) - len(marking) - len(facts) - 1, 2)
    style = "bold red" if it.severity in LOUD else TYPE_STYLES[it.type]
    lines = [
        Text.assemble(
            (heading, "bold"), (marking, MARKING_STYLES[it.marking]), (f"{rule} ", "bold"), (facts, style)
        )
    ]
    if it.status in NOT_REAL:
        banner = f" {NOT_REAL[it.status]} "
        lines.append(Text(banner.center(WIDTH, "▒"), "bold black on yellow"))
    lines += _texts(it)
    lines.append(Text())
    lines += _action(it)
    lines += _about(it)
    lines += _source(item)
    return lines


def _texts(it: Bulletin) -> list[Text]:
    lines: list[Text] = []
    for block in (it.text or {}).values():
        lines += _block(block.headline, "bold")
        for text, style in ((block.description, ""), (block.instruction, "bold cyan")):
            if text:
                lines += [line for part in text.split("\n") for line in _block(part, style)]
    return lines


def _action(it: Bulletin) -> list[Text]:
    lines: list[Text] = []
    if it.warnings:
        lines += _field("WARNING", " · ".join(it.warnings).upper(), "bold white on red")
    if it.action:
        lines += _field("DO", it.action, "bold")
    if it.contact:
        hours = f" ({it.contact.hours})" if it.contact.hours else ""
        lines += _field("CALL", f"{it.contact.phone}  {isolated(it.contact.desk)}{hours}", "bold")
    if it.handling:
        lines += _field("HANDLING", " ".join(filter(None, (it.handling.code, it.handling.text))))
    return lines


def _about(it: Bulletin) -> list[Text]:
    lines: list[Text] = []
    for area in it.areas:
        lines += _field("WHERE", f"{isolated(area.name)}{f' ({area.code})' if area.code else ''}")
    for subject in it.subjects:
        what, known = subject_words(subject)
        lines += _field("ABOUT", f"{what}: {known}")
    for attachment in it.attachments:
        lines += _field(
            "FILE", f"{isolated(attachment.name)}, {attachment.media_type}, {attachment.size} bytes"
        )
    return lines


def _source(item: ReceivedBulletin) -> list[Text]:
    it = item.bulletin
    lines: list[Text] = []
    if (until := item.respond_by_at) is not None:
        lines += _field("ANSWER BY", f"{clock(until)}  {isolated(it.request or '')}", "bold yellow")
        if item.number:
            lines += _field("", f"harkara answer {item.number} confirmed|denied|later", "dim")
    rating = _rating(it)
    lines += _field("FROM", f"{it.originator}, accepted {clock(item.taken_at)}{rating}")
    if it.references:
        lines += _field("REPLACES" if it.type == "Update" else "CANCELS", ", ".join(it.references))
    lines += _field("VALID", f"until {clock(it.expires_at)}")
    again = "  (again)" if item.redelivered else ""
    return [*lines, *_field("ID", f"{it.originator}/{it.id}{again}", "dim")]


def _rating(it: Bulletin) -> str:
    if it.evaluation is None:
        return ""
    scale = type(it.evaluation).__name__
    return f", {scale} {it.evaluation.source}{it.evaluation.information}"


def _receipt(item: ReceivedReceipt) -> list[Text]:
    it = item.receipt
    style = {"refused": "bold red", "denied": "bold red", "confirmed": "bold green"}.get(it.kind, "bold")
    actor = f", {isolated(it.actor)}" if it.actor else ""
    lines = [
        Text.assemble(
            (f"── {item.number} ── ", "bold"),
            (it.kind, style),
            f" by {it.agency}{actor}, {clock(item.taken_at)}",
        ),
        *_field("ABOUT", f"{it.originator}/{it.bulletin}", "dim"),
    ]
    if it.until:
        lines += _field("UNTIL", clock(times.parse(it.until)))
    return lines + (_field("NOTE", it.note) if it.note else [])


def _unverified(item: Unverified) -> list[Text]:
    heading = f"━━ {item.number} ━━ NOT VERIFIED, content withheld ({harmless(item.kind)}) "
    return [
        Text(heading.ljust(WIDTH, "━"), "bold red"),
        *_field("REASON", harmless(item.reason)),
        *_field("CODE", item.code, "dim"),
    ]


def _field(label: str, text: str, style: str = "") -> list[Text]:
    width = WIDTH - len(INDENT) - LABEL_WIDTH
    found: list[Text] = []
    for part in text.split("\n"):
        for line in _wrapped(part, width):
            lead = INDENT + (label if not found else "").ljust(LABEL_WIDTH)
            found.append(Text.assemble((lead, "dim"), (isolated_line(line, from_right=False), style)))
    return found


def _block(text: str, style: str) -> list[Text]:
    from_right = reads_from_right(text)
    return [
        Text.assemble(INDENT, (isolated_line(line, from_right=from_right), style))
        for line in _wrapped(text, WIDTH - 2 * len(INDENT))
    ]


def _wrapped(text: str, width: int) -> list[str]:
    # rich counts cells: a Chinese character is two wide, a vowel mark none.
    measure = Console(width=width, file=sys.stdout, legacy_windows=False)
    return [line.plain.rstrip() for line in Text(text).wrap(measure, width)]
