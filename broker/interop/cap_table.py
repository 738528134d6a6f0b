"""What becomes of each element of CAP 1.2: the one table, for the code, for `docs/cap.md` and for the tests.

A row with `key` says that the text of the element is kept in `correlations` as `cap`/key; the code does that
from this table alone. A row without one has code of its own (`cap_mapping`, `cap_areas`, `cap_resources`),
named by `to`.

Keys: `name`, or `name:valueName` for a pair. What belongs to the second or a later `info`, area or resource
says so in front: `info2.senderName`, `area3.geocode:SAME`, `info2.area1.areaDesc`. Areas are counted as in
the bulletin's `areas`, resources over the whole alert. A text that the first `info` has too is kept once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, Literal

OWN_PARAMETERS: Final = "harkara:"
KEPT_PARAMETER: Final = "harkara:kept:"
"""Behind it stands the key of a correlation."""
ORIGINAL_NAME: Final = "cap-alert.xml"
"""The attachment that is the source itself."""
REST_NAME: Final = "cap-rest.json"
"""The attachment of what fits nowhere."""


@dataclass(frozen=True, slots=True)
class Own:
    """A field that CAP has no element for: an export writes it as parameters (as `code` where there is no
    info), an import reads it. `json` for what is an object.
    """

    parameter: str
    field: str
    form: Literal["text", "json"] = "text"
    many: bool = False


CATEGORY: Final = Own("harkara:category", "category")
MARKING: Final = Own("harkara:marking", "marking")
REFERENCE: Final = Own("harkara:reference", "references", many=True)
OWN_FIELDS: Final[tuple[Own, ...]] = (
    CATEGORY,
    MARKING,
    REFERENCE,
    Own("harkara:action", "action"),
    Own("harkara:contact", "contact", "json"),
    Own("harkara:warning", "warnings", many=True),
    Own("harkara:handling", "handling", "json"),
    Own("harkara:evaluation", "evaluation", "json"),
    Own("harkara:respond-by", "respond_by"),
    Own("harkara:request", "request"),
    Own("harkara:subject", "subjects", "json", many=True),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One element: its path below `alert`, the field that it goes to, and how."""

    path: str
    to: str
    how: str
    form: Literal["text", "pair", "part"] = "text"
    many: bool = False
    required: bool = False
    key: str = ""

    @property
    def part(self) -> str:
        """The element that it stands in: `alert`, `info`, `resource` or `area`."""
        return ("alert/" + self.path).split("/")[-2]

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path.rpartition("/")[2]


def _kept(path: str, how: str = "as written", *, many: bool = False) -> Row:
    return Row(path, "correlations", how, many=many, key=path.rpartition("/")[2])


def _pair(path: str, how: str = "one for each pair") -> Row:
    name = path.rpartition("/")[2]
    return Row(path, "correlations", how, form="pair", many=True, key=f"{name}:{{valueName}}")


CAP_ROWS: Final[tuple[Row, ...]] = (
    Row("identifier", "id", "with sender and sent it makes the id; kept", required=True, key="identifier"),
    Row("sender", "id", "with identifier and sent it makes the id; kept", required=True, key="sender"),
    Row("sent", "issued", "an instant: with sender and identifier it makes the id; kept",
        required=True, key="sent"),
    Row("status", "status", "the same word; Draft is refused", required=True),
    Row("msgType", "type", "the same word; no Ack, no Error; an Update that names nothing is an Alert",
        required=True, key="msgType"),
    _kept("source"),
    Row("scope", "marking",
        "where nothing else says: CLEAR, AMBER (Restricted), AMBER+STRICT (Private, with --to); kept",
        key="scope"),
    Row("restriction", "marking", "a TLP label in it is the marking; kept", key="restriction"),
    _kept("addresses", "as written; who gets the bulletin is said with --to"),
    _kept("code", many=True),
    Row("note", "text", "the text of an alert without info; kept", key="note"),
    Row("references", "references", "the ids that sender, identifier and sent make; kept", key="references"),
    _kept("incidents"),
    Row("info", "text", "one block for each language; several of one are put together, the gravest first",
        form="part", many=True),
    Row("info/language", "text", "names the block; en-US when absent, as CAP says"),
    _kept("info/category", "as written; Harkara's comes from --category, else it is other", many=True),
    Row("info/event", "text", "the headline where there is none; kept", key="event"),
    _kept("info/responseType", many=True),
    Row("info/urgency", "urgency", "the most urgent of all; Unknown when absent or unknown to CAP"),
    Row("info/severity", "severity", "the most severe of all; Unknown when absent or unknown to CAP"),
    Row("info/certainty", "certainty",
        "the most certain of all; Unknown when absent or unknown to CAP; Very Likely (1.0): Likely"),
    _kept("info/audience"),
    _pair("info/eventCode"),
    _kept("info/effective"),
    Row("info/onset", "onset", "the earliest"),
    Row("info/expires", "expires", "the latest, at most 90 days ahead; --expires when absent or passed"),
    _kept("info/senderName"),
    Row("info/headline", "text", "one line; a longer one is cut, and stands whole before the description"),
    Row("info/description", "text", "without the indentation of its layout, and without HTML"),
    Row("info/instruction", "text", "without the indentation of its layout, and without HTML"),
    _kept("info/web"),
    Row("info/contact", "contact", "when it holds one telephone number that begins with + or 00; kept",
        key="contact"),
    _pair("info/parameter", "one for each pair; harkara:… and TLP are read"),
    Row("info/resource", "attachments", "when its content is embedded and small", form="part", many=True),
    Row("info/resource/resourceDesc", "attachments", "the name where no uri has one; kept",
        key="resourceDesc"),
    Row("info/resource/mimeType", "attachments", "the media type; kept", key="mimeType"),
    _kept("info/resource/size"),
    Row("info/resource/uri", "attachments", "its last part is the name; never fetched; kept", key="uri"),
    Row("info/resource/derefUri", "attachments", "the content, in base64"),
    Row("info/resource/digest", "attachments", "compared with the content (SHA-1, SHA-256); kept",
        key="digest"),
    Row("info/area", "areas", "each place once, whatever language names it", form="part", many=True),
    Row("info/area/areaDesc", "areas", "the name"),
    Row("info/area/polygon", "areas",
        "lat,lon become lon,lat; closed; at most 2,000 positions; kept where it cannot be drawn", many=True),
    Row("info/area/circle", "areas",
        "a Point and radius_m: kilometres become metres; kept where it cannot be drawn", many=True),
    Row("info/area/geocode", "areas", "an ISO 3166-2 code is the code, any other is kept",
        form="pair", many=True, key="geocode:{valueName}"),
    _kept("info/area/altitude"),
    _kept("info/area/ceiling"),
)  # fmt: skip


@cache
def rows_of(part: str) -> Mapping[str, Row]:
    """Give the rows of the elements that stand in `part` (`alert`, `info`, `resource`, `area`), by name."""
    return MappingProxyType({row.name: row for row in CAP_ROWS if row.part == part})


def scope_of(part: str, number: int) -> str:
    """Give what a key says in front for the `number`-th of its kind: nothing for the first."""
    return f"{part}{number}." if number > 1 else ""
