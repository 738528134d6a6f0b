"""CAP 1.2 in: alerts of the Common Alerting Protocol become bulletins (docs/cap.md, made from `cap_table`).

One alert or many in one document; each is imported or refused by itself. Ids are derived from originator,
sender, identifier and sent, so that an Update or Cancel finds what it is about without any record of past
imports, and posting the same alert again is a repeat.
"""

from __future__ import annotations

from typing import Final

from broker.interop.bounds import finish
from broker.interop.cap_alert import SIGNATURE, read_part
from broker.interop.cap_document import Found, find_alerts
from broker.interop.cap_mapping import map_alert
from broker.interop.cap_table import ORIGINAL_NAME
from broker.interop.draft import Draft, File
from broker.interop.imported import Import, ImportDefaults, Refused
from broker.interop.wording import cut, mend, one_line

SYSTEM: Final = "cap"


def read_cap(source: bytes, *, originator: str, defaults: ImportDefaults, now: int) -> list[Import]:
    """Give a bulletin, or a refusal, for each alert of an XML document, in order.

    `now` is µs since the epoch. Raises Malformed for what is no XML document with alerts in it, TooLarge
    above IMPORT_SOURCE_BYTES.
    """
    return [
        found if isinstance(found, Refused) else _import(found, n, originator, defaults, now)
        for n, found in enumerate(find_alerts(source), 1)
    ]


def _import(found: Found, n: int, originator: str, defaults: ImportDefaults, now: int) -> Import:
    draft = Draft(SYSTEM)
    alert = read_part(found.element, draft)
    name = ",".join(part for key in ("sender", "identifier", "sent") if (part := alert.text(key)))
    label = cut(one_line(mend(name).text), 200) or f"alert {n}"
    if found.version != "1.2":
        draft.say(f"the alert is of CAP {found.version}, read as 1.2")
    if found.element.find(SIGNATURE) is not None:
        draft.say("the alert has an XML signature, which is not checked here")
        draft.changed = True
    draft.original = File(ORIGINAL_NAME, "application/xml", found.source)
    map_alert(alert, originator, defaults, now, draft)
    return finish(draft, label, originator, now)
