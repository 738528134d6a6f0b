"""Which earlier alerts an alert names: `sender,identifier,sent`, separated by white space (CAP 1.2, section
3.2.1).

Real ones have quotes, line breaks, spaces behind commas, commas or semicolons between them, and senders with
spaces in them. A reference is
found by its end, which is a time; what stands before is sender (up to the first comma) and identifier.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from broker.interop.imported import derived_id
from broker.interop.source_times import read_time
from broker.interop.wording import mend, one_line
from broker.protocol import times

_END: Final = re.compile(r", ?(\d{4}-\d\d-\d\dT[^\s,;]+)(?:[\s,;]+|$)", re.ASCII)
"""Where a reference ends: at a time behind a comma, and what parts it from the next."""


@dataclass(frozen=True, slots=True)
class AlertName:
    """What names an alert: `sent_at` is µs since the epoch.

    The instant, not its spelling, is compared: `-00:00` and `Z`, `10:00+05:00` and `05:00-00:00` name one
    alert. Sender and identifier are compared as bulletins keep them: NFC, nothing hidden, no space at the
    ends.
    """

    sender: str
    identifier: str
    sent_at: int

    def id_for(self, originator: str) -> str:
        """Give the id of the bulletin that `originator` makes of this alert."""
        return derived_id("cap", originator, self.sender, self.identifier, times.format(self.sent_at))


def name_alert(sender: str, identifier: str, sent: str) -> AlertName:
    """Give the name that these three make. Raises ValueError when `sent` is no time."""
    return AlertName(_bare(sender), _bare(identifier), read_time(sent))


def _bare(text: str) -> str:
    """Give a name as a bulletin keeps it, so that an alert has the same id when it comes back from one."""
    return one_line(mend(text).text)


def read_references(text: str, own_sender: str) -> tuple[list[AlertName], list[str]]:
    """Give the alerts that a `references` element names, each once, and the pieces that name none.

    `own_sender` tells a sender with spaces from two references of which the first is broken: most alerts
    refer to alerts of their own sender.
    """
    names: dict[AlertName, None] = {}
    broken: list[str] = []
    text = one_line(text.replace('"', " ")).replace(" ,", ",")
    begin = 0
    for end in _END.finditer(text):
        reference, begin = text[begin : end.end(1)], end.end()
        sender, _, identifier = reference[: end.start(1) - end.end(1)].rstrip(", ").partition(",")
        if " " in sender and sender != one_line(own_sender):
            lost, _, sender = sender.rpartition(" ")
            broken.append(lost)
        try:
            names[name_alert(sender, identifier, end[1])] = None
        except ValueError:
            broken.append(reference)
    return list(names), [*broken, *([left] if (left := text[begin:].strip(" ,;")) else [])]
