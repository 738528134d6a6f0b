"""The pages of `docs/` that are made from the mapping tables. `python -m tests.interop.pages` writes them
anew.
"""

from __future__ import annotations

from pathlib import Path

from broker.interop.cap_table import CAP_ROWS

DOCS = Path(__file__).parents[2] / "docs"

CAP_INTRODUCTION = """\
# CAP 1.2 in: what becomes of each element

`harkara post FILE --format cap --category … [--marking …] [--expires …] [--to …]` turns alerts of the
Common Alerting Protocol into bulletins. This page is made from `broker/interop/cap_table.py`, and a test
holds the two together.

- **What is read.** One alert, or many in one document: below any element, in an Atom or EDXL-DE envelope,
  behind one another. CAP 1.1 and 1.0 are read as 1.2. Each alert is imported or refused by itself. XML with
  a DTD or an XInclude, deeper than 256 elements or larger than 8 MiB is refused; nothing is ever fetched.
- **What you are told.** Every default, every change and everything that is kept elsewhere is announced on
  stderr.
- **Ids** are UUIDs of version 5, made of originator, sender, identifier and sent. `sent` counts as an
  instant, so that `-00:00`, `Z` and any other offset name the same alert. An Update or Cancel therefore
  finds what it is about without a record of past imports, and posting an alert twice is a repeat.
- **Category.** Nothing in CAP says which of Harkara's categories an alert has: `--category`. A parameter
  `harkara:category` in the source is believed first.
- **Marking.** A TLP label in `restriction`, `code` or a parameter `TLP`; otherwise TLP:CLEAR for the scope
  Public, and `--marking` for all others. What is narrower wins, whoever says it.
- **Expiry.** The latest `expires` of all infos. When it has passed, or there is none, `--expires`; when
  that is missing too, an alert that has expired is refused, and one that never said lives a day.
- **Text** is mended where that is harmless (line ends, NFC, invisible characters, indentation), and the
  alert is refused where a control reorders what is read (U+202A–E, U+2066–9).
- **What has no field** is kept in `correlations` with the system `cap`. The key is the element's name, for
  a pair `name:valueName`. What belongs to a further info, area or resource says so in front:
  `info2.senderName`, `area3.geocode:SAME` (the third of the bulletin's areas). What a further info says
  like the first is kept once.
- **What fits nowhere** (more than 255 correlations, 64 areas or 16 languages, very long values) is attached
  as `cap-rest.json`; above 128 KiB the alert is refused. Outlines are simplified to 2,000 positions, and
  further when the bulletin would be too large. The source itself is attached as `cap-alert.xml` when it is
  signed or says more than the bulletin, up to 96 KiB.

| element of `alert` | becomes | how |
|---|---|---|
"""


def cap_page() -> str:
    """Give docs/cap.md."""
    rows = [f"| `{row.path}`{' *' if row.many else ''} | `{row.to}` | {row.how} |\n" for row in CAP_ROWS]
    return CAP_INTRODUCTION + "".join(rows) + "\n\\* more than one may be there.\n"


PAGES = {"cap.md": cap_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
