"""Whole documents: our own, and real ones where they lie beside the checkout (they are read in place, never
copied).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.interop.cap import read_cap
from broker.interop.imported import ImportDefaults, Imported, Refused
from broker.protocol import limits, times
from broker.protocol.bulletin import read_bulletin_object
from tests.interop.alerts import NOW, ORIGINATOR

OWN = Path(__file__).parents[1] / "inputs" / "cap"
REAL = Path(__file__).parents[3] / "shared" / "inputs" / "cap"
DOCUMENTS = sorted(OWN.glob("*.xml")) + sorted(REAL.glob("*.xml"))
TOLD = ImportDefaults(category="other", marking="TLP:GREEN", expires_at=NOW + limits.DAY_US)
FILLED = {"originator": ORIGINATOR, "exchange": "0" * 64, "registry": 1, "sent": times.format(NOW)}


def read(path: Path, defaults: ImportDefaults = TOLD) -> list[Imported | Refused]:
    return read_cap(path.read_bytes(), originator=ORIGINATOR, defaults=defaults, now=NOW)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_alert_becomes_a_bulletin(path: Path) -> None:
    found = read(path)
    assert [one for one in found if isinstance(one, Imported)] != []
    for one in found:
        if isinstance(one, Imported):
            bulletin = read_bulletin_object(one.document | FILLED)
            assert {"identifier", "sender", "sent"} <= {kept.key for kept in bulletin.correlations}
        else:
            assert "holds no alert" in one.reason


def own(name: str, defaults: ImportDefaults = TOLD) -> list[Imported]:
    return [one for one in read(OWN / name, defaults) if isinstance(one, Imported)]


def test_an_urdu_alert_keeps_both_languages_and_one_place() -> None:
    (one,) = own("torkham-smugglers-urdu.xml")
    made = one.document
    assert list(made["text"]) == ["ur", "en"]
    assert made["text"]["ur"]["headline"].startswith("طورخم")
    assert "\u200c" in made["text"]["ur"]["description"]  # ZWNJ between Arabic letters is spelling
    assert [(area["name"], area["code"]) for area in made["areas"]] == [("طورخم سرحدی گزرگاہ", "PK-KP")]
    assert made["contact"]["phone"] == "+92919212345"
    assert made["expires"] == "2026-03-03T09:15:00+05:00"


def test_an_exercise_stays_one() -> None:
    (one,) = own("karachi-port-exercise.xml")
    assert one.document["status"] == "Exercise"
    assert [area.get("radius_m") for area in one.document["areas"]] == [2500.0, None]


def test_a_chain_of_alert_update_and_cancel_holds_together() -> None:
    alert, update, cancel = (one.document for one in own("quetta-chain.xml"))
    assert update["references"] == [alert["id"]]
    assert cancel["references"] == [alert["id"], update["id"]]
    assert [one["type"] for one in (alert, update, cancel)] == ["Alert", "Update", "Cancel"]
    assert alert["areas"] == [{"name": "N-25 highway", "code": "PK-BA"}]


def test_levels_become_the_gravest() -> None:
    (one,) = own("lahore-levels.xml")
    made = one.document
    assert (made["urgency"], made["severity"], made["certainty"]) == ("Immediate", "Extreme", "Likely")
    assert (made["onset"], made["expires"]) == ("2026-03-02T14:00:00+05:00", "2026-03-03T02:00:00+05:00")
    text = made["text"]["en-PK"]  # the gravest of one language leads, and nothing of the others is lost
    assert text["headline"] == "Data Darbar: explosives suspected"
    assert "A motorcycle without plates" in text["description"]
    assert made["areas"][0]["geometry"]["type"] == "MultiPolygon"


def test_a_feed_gives_each_entry_its_due() -> None:
    found = read(OWN / "feed.atom.xml")
    assert [type(one) for one in found] == [Imported, Refused, Imported]
    assert [one.document["status"] for one in found if isinstance(one, Imported)] == ["Test", "System"]


def test_a_restricted_alert_brings_its_own_marking() -> None:
    (one,) = own("border-restricted.xml", ImportDefaults(category="human-smuggling"))
    assert one.document["marking"] == "TLP:AMBER"
    assert [area["code"] for area in one.document["areas"]] == ["PK-BA", "IR-11"]


def test_an_embedded_file_is_attached_and_a_linked_one_is_not() -> None:
    (one,) = own("gwadar-boat-cap11.xml")
    assert [(file["name"], file["media_type"]) for file in one.document["attachments"]] == [
        ("hull-sketch.txt", "text/plain")
    ]
    assert "Café" in one.document["text"]["en-US"]["description"]
    assert one.announced[0] == "the alert is of CAP 1.1, read as 1.2"


def test_an_envelope_is_opened_and_a_private_alert_needs_an_address() -> None:
    assert own("envelope.edxl.xml")[0].document["marking"] == "TLP:GREEN"
    (refusal,) = read(OWN / "envelope.edxl.xml", ImportDefaults(category="other"))
    assert isinstance(refusal, Refused)
    assert "--to" in refusal.reason
