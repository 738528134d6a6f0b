"""The pages of `docs/` that are made from the mapping tables. `python -m tests.interop.pages` writes them
anew.
"""

from __future__ import annotations

from pathlib import Path

from broker.interop.cap_table import CAP_ROWS, OWN_FIELDS
from broker.interop.imported import IMPORT_SOURCE_BYTES
from broker.interop.stix_table import EXTENSION, PERSON_PROPERTIES, STIX_ROWS, VEHICLE_PROPERTIES

DOCS = Path(__file__).parents[2] / "docs"

CAP_INTRODUCTION = """\
# CAP 1.2 in: what becomes of each element

`harkara post FILE --format cap [--category …] [--marking …] [--expires …] [--to …]` turns alerts of the
Common Alerting Protocol into bulletins. This page is made from `broker/interop/cap_table.py`, and a test
holds the two together.

- **What is read.** One alert, or many in one document: below any element, in an Atom or RSS feed, in an
  EDXL-DE envelope, behind one another. CAP 1.1 and 1.0 are read as 1.2. Each alert is imported or refused by
  itself; an entry of a feed that only links to its alert is refused with the address to fetch. XML with a DTD
  or an XInclude, deeper than 256 elements or larger than {mebibytes} MiB is refused; nothing is ever fetched.
- **What you are told.** Every default, every change and everything that is kept elsewhere is announced on
  stderr.
- **Ids** are UUIDs of version 5, made of originator, sender, identifier and sent. `sent` counts as an
  instant, so that `-00:00`, `Z` and any other offset name the same alert. An Update or Cancel therefore
  finds what it is about without a record of past imports, and posting an alert twice is a repeat.
- **Category.** Nothing in CAP says which of Harkara's categories an alert has: `--category`, and `other`
  when that is missing. A parameter `harkara:category` in the source is believed first.
- **Marking.** A TLP label in `restriction`, `code` or a parameter `TLP`, and `--marking`: the narrower of the
  two. When there is neither, by the scope: Public is TLP:CLEAR, Restricted TLP:AMBER, Private
  TLP:AMBER+STRICT. A Private alert without a marking is refused until `--to` names whom it is for; an alert
  without a scope until `--marking` is given.
- **Expiry.** The latest `expires` of all infos. When it has passed, or there is none, `--expires`; when
  that is missing too, an alert that has expired is refused, and one that never said lives a day.
- **Text** is mended: line ends, NFC, indentation, HTML (read as a browser shows it). A paragraph whose
  further lines are all indented alike was broken by the layout of the XML and becomes one line again; lists,
  tables and blank lines stay. Characters that a bulletin may not carry are taken out, and told once for the
  alert: controls of direction (U+202A–C, U+2066–9; each text is shown in its own direction anyway), invisible
  ones (U+200B, U+FEFF …). An override (U+202D, U+202E) can make a text read otherwise than it is written: it
  goes too, and the first line about the alert says BEWARE. For a private or unassigned character stands
  U+FFFD.
- **What is written loosely** is read where it leaves nothing open (a time without seconds, semicolons between
  positions, heights in an outline). A time without offset has that of `sent`; in `sent` itself it is
  refused. What cannot be read (an outline, an `expires` that is no time, a severity that CAP does not know)
  does not refuse the alert: it counts as absent or Unknown, and is kept as it is.
- **What has no field** is kept in `correlations` with the system `cap`. The key is the element's name, for
  a pair `name:valueName`. What belongs to a further info, area or resource says so in front:
  `info2.senderName`, `area3.geocode:SAME` (the third of the bulletin's areas). What a further info says
  like the first is kept once.
- **The way out.** `broker.interop.cap_export.to_cap` gives the alert of a bulletin, valid by the schema of
  CAP. What was kept goes back to its element, and so does the rest; what CAP has no element for goes along as
  parameters, which come back as what they were (the second table). An alert is Public only when its bulletin
  is TLP:CLEAR. Victims and witnesses are withheld.
- **What fits nowhere** (more than 255 correlations, 64 areas or 16 languages, very long values) is attached
  as `cap-rest.json`; above 128 KiB the alert is refused. Outlines are simplified to 2,000 positions, and
  further when the bulletin would be too large. The source itself is attached as `cap-alert.xml` when it is
  signed or says more than the bulletin, up to 96 KiB.

| element of `alert` | becomes | how |
|---|---|---|
"""


CAP_OWN = """
What an export writes as parameters (as `code` where there is no info), and an import reads:

| parameter | field | |
|---|---|---|
"""


def cap_page() -> str:
    """Give docs/cap.md."""
    rows = [f"| `{row.path}`{' *' if row.many else ''} | `{row.to}` | {row.how} |\n" for row in CAP_ROWS]
    own = [
        f"| `{one.parameter}`{' *' if one.many else ''} | `{one.field}` |{' JSON' * (one.form == 'json')} |\n"
        for one in OWN_FIELDS
    ]
    introduction = CAP_INTRODUCTION.replace("{mebibytes}", str(IMPORT_SOURCE_BYTES // 1024 // 1024))
    return introduction + "".join(rows) + CAP_OWN + "".join(own) + "\n\\* more than one may be there.\n"


STIX_INTRODUCTION = f"""\
# STIX 2.1 in: what becomes of each object

`harkara post FILE --format stix [--category …] [--marking …] [--expires …] [--to …]` turns STIX 2.1 (JSON)
into bulletins. This page is made from `broker/interop/stix_table.py`, and a test holds the two together.

- **What is read.** A bundle, an array of bundles or of objects, a TAXII envelope, or one object, up to
  {IMPORT_SOURCE_BYTES // 1024 // 1024} MiB. Objects of STIX 2.0 are read as 2.1; STIX 1 (XML) is refused. The
  JSON is held to what all parsers read alike (no name twice, no NaN, no integer above 2^53); a property that
  is null is left out, with a word. Of an object that is there more than once the latest version counts.
- **One bulletin for each report**, else one for the bundle, named after its first telling object. A bundle
  with several reports is shared out: to each go the objects that it names, what these name, and the
  relationships, sightings, notes and translations about them. What no report names is a bulletin of its
  own.
- **Ids** are UUIDs of version 5, made of originator and the report's id and `modified`, so that every
  version has its own, and a later version is an Update of the first. A revoked version is a Cancel. Without
  a report they are made of the bundle's id.
- **Text.** What has no name is called by what it holds (`observed-data: 192.0.2.1`). Characters that a
  bulletin may not carry are taken out and told, as of CAP ([cap.md](cap.md)).
- **Marking.** The narrowest TLP of all objects, parts of them included. It counts by official id (TLP 2.0
  and TLP 1), by what a definition says, because many public files carry a wrong id, and by a TLP among the
  labels (`tlp:green`). A marking that is not in the source and has no official id needs `--marking`, and so
  does a source without TLP. Where a victim or witness is named, the marking is TLP:AMBER at least.
- **What STIX has no property for** (category, status, urgency, severity, expiry) is filled by the flags,
  else by `other`, Actual, Unknown and a day from now, and announced. An export of ours writes it into the
  extension `{EXTENSION}`, which is read back.
- **What has no field** is kept in `correlations` with the system `stix`. The key is `<scope>.<property>`;
  the scope is nothing for the report, `subject3` or `area2` for what became one, else the type, numbered
  from the second on (`indicator`, `indicator2`). A string stands as it is, unless it would read as JSON;
  everything else is JSON. What of a victim or witness has no field stands in the subject's note instead.
- **The way out.** `broker.interop.stix_export.to_stix` gives the bundle of a bulletin, valid by OASIS'
  schemas. Objects that were attached or kept go out as they were; a bulletin of one's own becomes a report by
  its originator, with an object for each subject and area, and our extension for what STIX has no property
  for. Every object is marked with the bulletin's TLP 2.0. Victims and witnesses are withheld. An Update or
  Cancel that was not imported goes out as a report of its own, and says in our extension what it is about.
  What came as STIX 2.0 gets the properties that 2.1 requires; a language that OASIS' validator does not know
  stands in our extension alone.
- **What does not fit there** (more than 255 correlations, a value of more than 4,096 characters, a
  description of more than 32,768) is attached: all objects, whole, as `stix-bundle.json`, above 96 KiB
  compressed as `stix-bundle.json.gz`. When that is larger than 128 KiB (about a thousand indicators with
  hashes) the source is refused: split it into bundles of fewer objects.

| object | properties | become | how |
|---|---|---|---|
"""

STIX_EXTENSIONS = """
`report` stands for the object that the bulletin is made of; only of a report itself is its text taken, of any
other it is kept too. Names of properties that extensions use for people and vehicles, the first that is there
(identities and threat actors that are people may have them too):

| field | properties |
|---|---|
"""


def stix_page() -> str:
    """Give docs/stix.md."""
    rows = [
        f"| {_code(row.type, *row.also)} | {_code(*row.properties)} | `{row.to}` | {row.how}"
        f"{'; kept' if row.kept else ''} |\n"
        for row in STIX_ROWS
    ]
    names = [
        f"| {kind}: {field} | {_code(*properties)} |\n"
        for kind, table in (("person", PERSON_PROPERTIES), ("vehicle", VEHICLE_PROPERTIES))
        for field, properties in table.items()
    ]
    return STIX_INTRODUCTION + "".join(rows) + STIX_EXTENSIONS + "".join(names)


def _code(*names: str) -> str:
    return ", ".join(f"`{name}`" for name in names)


PAGES = {"cap.md": cap_page, "stix.md": stix_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
