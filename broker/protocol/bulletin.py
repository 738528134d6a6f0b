"""The bulletin: what an agency says (docs, "The bulletin"). These types are the one truth;
`schemas/bulletin.schema.json` is generated from them.

`read_bulletin` takes the exact bytes that were signed, at the broker and at every recipient. A bulletin that
exists is valid in itself; whether it is timely, authentic and permitted is decided in `admission`. Times stay
the text that was signed; `sent_at`, `expires_at` … give them in µs.

`correlations` keep what a bulletin was made from, so that nothing of an import is lost: `system` names whose
it is (`cap`, `stix`, or a system of the originator such as `fia-crms`), `key` what it is there, `value` how
it is written there. Examples: `cap`/`identifier`, `cap`/`parameter:HSAS`, `cap`/`eventCode:SAME`,
`stix`/`id`, `fia-crms`/`case`. A key may occur more than once.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from broker.protocol import limits, schema_walk, times
from broker.protocol.areas import Area
from broker.protocol.attachments import Attachment
from broker.protocol.bulletin_rules import BULLETIN_RULES, handling_text
from broker.protocol.fields import (
    EXAMPLE_TIME,
    AgencyId,
    Digest,
    Headline,
    Id,
    Language,
    Line,
    Note,
    Phone164,
    Prose,
    Time,
    Version,
    words,
)
from broker.protocol.rules import Record, Rule
from broker.protocol.subjects import Subject
from broker.protocol.vocabulary import (
    Action,
    BulletinType,
    Category,
    Certainty,
    HandlingCode,
    Marking,
    Severity,
    Status,
    Urgency,
    Warning,  # noqa: A004
)

PAYLOAD_TYPE: Final = "application/vnd.harkara.bulletin+json"


class TextBlock(Record, frozen=True, kw_only=True):
    """What the bulletin says in one language."""

    headline: Headline
    description: Annotated[Prose | None, words("What is known. Line breaks are LF.")] = None
    instruction: Annotated[Prose | None, words("What the reader is asked to do.")] = None


Text: TypeAlias = Annotated[dict[Language, TextBlock], Meta(min_length=1, max_length=limits.LANGUAGES_BLOCKS)]


class Handling(Record, frozen=True, kw_only=True):
    """A Europol handling code: H0 none, H1 not as evidence, H2 ask the owner first, H3 as the text says."""

    code: HandlingCode
    text: Note | None = None

    RULES = (
        Rule(
            ("code", "text"),
            handling_text,
            {"if": {"properties": {"code": {"const": "H3"}}}, "then": {"required": ["text"]}},
        ),
    )


class Admiralty(Record, tag_field="scale", tag="admiralty", frozen=True, kw_only=True):
    """Source from A (reliable) to F (cannot be judged), information from 1 (confirmed) to 6 (cannot be
    judged).
    """

    source: Literal["A", "B", "C", "D", "E", "F"]
    information: Literal[1, 2, 3, 4, 5, 6]


class Europol4x4(Record, tag_field="scale", tag="europol-4x4", frozen=True, kw_only=True):
    """Source A, B, C or X, information 1 to 4. Its C is mostly unreliable, Admiralty's fairly reliable."""

    source: Literal["A", "B", "C", "X"]
    information: Literal[1, 2, 3, 4]


Evaluation: TypeAlias = Admiralty | Europol4x4


RespondBy: TypeAlias = Annotated[
    str,
    Meta(
        title="urgent, routine or an RFC 3339 time with offset",
        pattern=rf"^(?:urgent|routine|{times.TIME})\Z",
        examples=["urgent", EXAMPLE_TIME],
        extra={"mend": times.mend},
    ),
]


class Contact(Record, frozen=True, kw_only=True):
    """Whom to call."""

    desk: Annotated[
        Line, words("Office or duty desk.", examples=["FIA Anti-Human-Trafficking Circle, Islamabad"])
    ]
    phone: Phone164
    hours: Annotated[Line | None, words("When it answers.", examples=["24/7"])] = None


class Correlation(Record, frozen=True, kw_only=True):
    """What this bulletin, or a part of it, is called in another system."""

    system: Annotated[
        str,
        Meta(
            title="system in lower case",
            max_length=64,
            pattern=r"^[a-z0-9][a-z0-9._-]*\Z",
            examples=["cap", "stix"],
        ),
    ]
    key: Annotated[Line, words("What it is there.", examples=["identifier", "parameter:HSAS"])]
    value: Annotated[Note, words("As it is written there.", examples=["ORANGE"])]


class Bulletin(Record, frozen=True, kw_only=True):
    """A threat bulletin of one agency of a Harkara exchange."""

    id: Annotated[
        Id, words("The originator's id for this bulletin; with `originator` it names it everywhere.")
    ]
    originator: Annotated[AgencyId, words("The agency that says this: the signer.")]
    exchange: Annotated[Digest, words("Id of the exchange that this is for.")]
    registry: Annotated[Version, words("The registry version that the author knew.")]
    status: Annotated[Status, words("Whatever is not Actual is shown as such everywhere.")]
    type: BulletinType
    category: Category
    sent: Annotated[Time, words("When it was posted.")]
    expires: Annotated[Time, words("When it is no longer of use: after `sent`, at most 90 days.")]
    marking: Annotated[Marking, words("TLP 2.0. AMBER+STRICT and RED need an address.")]
    references: Annotated[
        tuple[Id, ...],
        Meta(min_length=1, max_length=limits.REFERENCES_ITEMS),
        words("Ids of the originator's own earlier bulletins that an Update or Cancel is about."),
    ] = ()
    issued: Annotated[Time | None, words("When the source itself issued it.")] = None
    onset: Annotated[Time | None, words("When the threat is expected to begin.")] = None
    urgency: Urgency | None = None
    severity: Severity | None = None
    certainty: Certainty | None = None
    text: Annotated[Text | None, words("One block per language.")] = None
    handling: Handling | None = None
    evaluation: Evaluation | None = None
    contact: Contact | None = None
    action: Annotated[Action | None, words("What is asked with regard to the subjects.")] = None
    warnings: Annotated[tuple[Warning, ...], Meta(min_length=1, max_length=limits.WARNINGS_ITEMS)] = ()
    areas: Annotated[tuple[Area, ...], Meta(min_length=1, max_length=limits.AREAS_ITEMS)] = ()
    subjects: Annotated[tuple[Subject, ...], Meta(min_length=1, max_length=limits.SUBJECTS_ITEMS)] = ()
    respond_by: Annotated[
        RespondBy | None,
        words("By when an answer is wanted: urgent is 10 minutes, routine 1 hour after the broker's stamp."),
    ] = None
    request: Annotated[Note | None, words("What is asked of the reader; stands with `respond_by`.")] = None
    attachments: Annotated[
        tuple[Attachment, ...], Meta(min_length=1, max_length=limits.ATTACHMENTS_ITEMS)
    ] = ()
    correlations: Annotated[
        tuple[Correlation, ...], Meta(min_length=1, max_length=limits.CORRELATIONS_ITEMS)
    ] = ()
    address_digest: Annotated[Digest | None, words("Salted digest of the address, when there is one.")] = None

    RULES = BULLETIN_RULES

    @property
    def sent_at(self) -> int:
        """µs since the epoch."""
        return times.parse(self.sent)

    @property
    def expires_at(self) -> int:
        """µs since the epoch."""
        return times.parse(self.expires)

    @property
    def issued_at(self) -> int | None:
        """µs since the epoch, or None."""
        return None if self.issued is None else times.parse(self.issued)

    @property
    def onset_at(self) -> int | None:
        """µs since the epoch, or None."""
        return None if self.onset is None else times.parse(self.onset)

    def respond_by_at(self, taken_at: int) -> int | None:
        """Give until when an answer is wanted, µs since the epoch, for a stamp of `taken_at`; None when none
        is.
        """
        match self.respond_by:
            case None:
                return None
            case "urgent":
                return taken_at + limits.RESPOND_URGENT_US
            case "routine":
                return taken_at + limits.RESPOND_ROUTINE_US
            case time:
                return times.parse(time)

    @property
    def area_codes(self) -> tuple[str, ...]:
        """The ISO 3166-2 codes of its areas, sorted, each once: what routing knows of where."""
        return tuple(sorted({area.code for area in self.areas if area.code is not None}))


def read_bulletin(payload: bytes) -> Bulletin:
    """Give the bulletin whose JSON `payload` is.

    Raises Malformed (not a JSON document of ours) or SchemaError, which lists everything that is wrong.
    """
    return schema_walk.read(payload, Bulletin)


def read_bulletin_object(value: object) -> Bulletin:
    """Give the bulletin that `value`, made of dicts, lists, str, int, float, is: the check before it is
    signed.

    Raises the same errors as `read_bulletin` does for its JSON.
    """
    return schema_walk.read_object(value, Bulletin)


def bulletin_json(bulletin: Bulletin) -> bytes:
    """Give the JSON of a bulletin, to be signed: UTF-8, fields in the order above, absent ones left out."""
    return msgspec.json.encode(bulletin)
