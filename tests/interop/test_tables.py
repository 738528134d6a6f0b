"""The mapping tables, the pages made from them, and the schemas of the languages: one and the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from broker.interop.cap_table import CAP_ROWS, rows_of
from broker.protocol.bulletin import Bulletin
from tests.interop.pages import DOCS, PAGES

REAL = Path(__file__).parents[3] / "shared" / "inputs" / "cap"
XS = "{http://www.w3.org/2001/XMLSchema}"

CAP_ELEMENTS = {
    "alert": "identifier sender sent status msgType source scope restriction addresses code note references"
    " incidents info",
    "info": "language category event responseType urgency severity certainty audience eventCode effective "
    "onset expires senderName headline description instruction web contact parameter resource area",
    "resource": "resourceDesc mimeType size uri derefUri digest",
    "area": "areaDesc polygon circle geocode altitude ceiling",
}
"""CAP 1.2, section 3.2, in the order of its schema."""


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_the_one_that_its_table_makes(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == PAGES[name](), "run python -m tests.interop.pages"


@pytest.mark.parametrize("part", sorted(CAP_ELEMENTS))
def test_the_table_has_every_element_of_cap_in_order(part: str) -> None:
    assert list(rows_of(part)) == CAP_ELEMENTS[part].split()


def test_the_list_above_is_that_of_the_schema_where_it_lies_beside_the_checkout() -> None:
    for path in REAL.glob("CAP-v1.2.xsd"):
        named = [
            element.get("name") for element in etree.parse(path).iter(XS + "element") if element.get("name")
        ]
        ours = [name for names in CAP_ELEMENTS.values() for name in names.split()]
        assert sorted(named) == sorted([*ours, "alert", "valueName", "value"])


def test_every_row_goes_to_a_field_of_the_bulletin() -> None:
    assert {row.to for row in CAP_ROWS} <= set(Bulletin.__struct_fields__)


def test_a_row_that_goes_to_correlations_has_a_key() -> None:
    assert [row.path for row in CAP_ROWS if row.to == "correlations" and not row.key] == []
