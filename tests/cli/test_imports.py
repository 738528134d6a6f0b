"""`harkara post` of CAP and STIX: nothing happens silently, and a bad one harms none beside it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.cli.world import World

INPUTS = Path(__file__).resolve().parents[1] / "inputs"
BOAT = INPUTS / "cap/torkham-smugglers-urdu.xml"
REPORT = INPUTS / "stix/trafficking-report.json"
CHAIN = INPUTS / "cap/quetta-chain.xml"
ENVELOPE = INPUTS / "cap/envelope.edxl.xml"
TOLD = ("--category", "human-smuggling", "--marking", "TLP:AMBER", "--expires", "7d")


def fresh(source: Path) -> Path:
    """Give a copy of a document that no other test has posted: ids come from what the source calls itself."""
    mark, text = os.urandom(6).hex(), source.read_text()
    text = re.sub(r"(<identifier>[^<]*)", rf"\1-{mark}", text)
    for report in set(re.findall(r"report--[0-9a-f-]{36}", text)):
        text = text.replace(report, report[:-12] + mark)
    copy = Path(f"{mark}-{source.name}")
    copy.write_text(text)
    return copy


@pytest.mark.parametrize("source", [pytest.param(BOAT, id="cap"), pytest.param(REPORT, id="stix")])
def test_a_foreign_document_is_known_by_its_looks_and_becomes_a_bulletin(world: World, source: Path) -> None:
    done = world.must("pk.fia", "post", fresh(source), "--only-id", *TOLD)
    ids = done.out.split()
    assert ids
    for item_id in ids:
        world.routed("pk.fia", item_id)
    heard = {item["id"]: item["bulletin"] for item in world.feed("pk.anf")}
    assert all(heard[item_id]["category"] == "human-smuggling" for item_id in ids)


def test_what_an_import_did_is_said_in_words_and_in_json(world: World) -> None:
    boat = fresh(BOAT)
    told = world.must("pk.fia", "post", boat, *TOLD).err
    assert "category: human-smuggling, as told" in told
    found = world.must("pk.fia", "post", boat, "--json", *TOLD)
    assert any("as told" in line for line in json.loads(found.err.splitlines()[0])["announced"])


def test_the_same_document_posted_again_is_the_same_post(world: World) -> None:
    report = fresh(REPORT)
    first = world.must("pk.fia", "post", report, "--json", *TOLD).out.splitlines()
    again = world.must("pk.fia", "post", report, "--json", *TOLD).out.splitlines()
    assert [json.loads(line)["id"] for line in again] == [json.loads(line)["id"] for line in first]
    assert all(json.loads(line)["repeated"] for line in again)


def test_the_same_document_posted_from_another_machine_is_the_same_post(world: World) -> None:
    report = fresh(REPORT)
    first = world.must("pk.fia", "post", report, "--json", *TOLD).json
    later = ("--category", "human-smuggling", "--marking", "TLP:AMBER", "--expires", "6d")
    again = world.must("pk.fia", "post", report, "--json", *later, HARKARA_STATE="another").json
    assert (again["id"], again["stmt"], again["repeated"]) == (first["id"], first["stmt"], True)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(["--category", "drug-smuggling"], id="another-category"),
        pytest.param(["--marking", "TLP:RED", "--to", "pk.anf"], id="to-others"),
    ],
)
def test_the_same_document_with_another_meaning_is_refused(world: World, other: list[str]) -> None:
    report = fresh(REPORT)
    world.must("pk.fia", "post", report, *TOLD)
    done = world.call("pk.fia", "post", report, "--json", *TOLD, *other)
    assert (done.code, json.loads(done.err.splitlines()[-1])["code"]) == (3, "id-conflict")


def test_a_marking_that_the_source_lacks_is_asked_for_and_nothing_is_posted(world: World) -> None:
    bare = fresh(REPORT)
    bundle = json.loads(bare.read_text())
    for one in bundle["objects"]:
        one.pop("object_marking_refs", None)
    bundle["objects"] = [one for one in bundle["objects"] if one["type"] != "marking-definition"]
    bare.write_text(json.dumps(bundle))
    done = world.call("pk.fia", "post", bare, "--json", "--expires", "7d")
    assert (done.code, done.out) == (3, "")
    assert "--marking" in done.err


def test_what_an_alert_lacks_is_filled_and_announced(world: World) -> None:
    done = world.must("pk.fia", "post", fresh(BOAT), "--json", "--expires", "7d")
    announced = "\n".join(json.loads(done.err.splitlines()[0])["announced"])
    assert "category: other; " in announced
    assert "expires: " in announced


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        pytest.param([], 3, "--to", id="to-nobody"),
        pytest.param(
            ["--to", "pk.anf"], 0, "marking: TLP:AMBER+STRICT, because the scope is Private", id="to-one"
        ),
    ],
)
def test_a_private_alert_goes_to_named_agencies_alone(
    world: World, address: list[str], code: int, said: str
) -> None:
    done = world.call("pk.fia", "post", fresh(ENVELOPE), "--expires", "7d", *address)
    assert (done.code, said in done.err) == (code, True)


def test_many_alerts_are_posted_each_by_itself_and_a_bad_one_harms_none(world: World) -> None:
    alerts = fresh(CHAIN).read_text()
    assert alerts.count("<alert") > 1
    Path("broken.xml").write_text(
        alerts.replace("<identifier>", "<identifier><!-- -->", 1).replace("<sent>", "<sent>x", 1)
    )
    done = world.call("pk.fia", "post", "broken.xml", "--json", *TOLD)
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 3
    assert [line for line in lines if "problem" in line]
    assert [line for line in lines if "id" in line]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("<alert", "XML", id="cut-off"),
        pytest.param("<html/>", "alert", id="another-document"),
        pytest.param('<!DOCTYPE a [<!ENTITY b "c">]><alert>&b;</alert>', "DOCTYPE", id="entities"),
    ],
)
def test_what_is_no_alert_is_refused_in_words(world: World, content: str, said: str) -> None:
    done = world.call("pk.fia", "post", "-", *TOLD, given=content)
    assert (done.code, done.out) == (3, ""), done.err
    assert said.lower() in done.err.lower()


def test_the_audience_of_a_foreign_document_can_be_asked(world: World) -> None:
    found = world.must("pk.fia", "audience", BOAT, "--json", *TOLD).json
    assert {row["agency"] for row in found["audience"] if row["delivers"]} == {"pk.anf"}


def test_a_foreign_document_can_be_signed_without_posting(world: World) -> None:
    world.must("pk.fia", "feed")
    done = world.must("pk.fia", "sign", BOAT, "--exchange", world.home / "pk.fia/exchange.json", *TOLD)
    assert "statement" in json.loads(done.out)
    assert "as told" in done.err


@pytest.mark.parametrize(
    ("form", "begins"), [pytest.param("cap", "<?xml", id="cap"), pytest.param("stix", "{", id="stix")]
)
def test_a_bulletin_is_written_as_another_systems_document_and_comes_in_again(
    world: World, form: str, begins: str
) -> None:
    posted = world.post("pk.fia", category="drug-smuggling")
    world.routed("pk.fia", posted)
    shown = world.must("pk.anf", "fetch", f"pk.fia/{posted}", "--as", form)
    assert shown.out.startswith(begins)
    world.must("pk.anf", "fetch", f"pk.fia/{posted}", "--as", form, "--out", f"{posted}.{form}")
    assert Path(f"{posted}.{form}").read_text().strip() == shown.out.strip()
    again = world.must("pk.anf", "post", f"{posted}.{form}", "--format", form, "--only-id", "--expires", "7d")
    assert again.out.strip() != posted


def test_a_receipt_has_no_form_of_another_system(world: World) -> None:
    posted = world.post("pk.fia", category="drug-smuggling")
    world.routed("pk.fia", posted)
    receipt = world.must("pk.anf", "ack", f"pk.fia/{posted}", "opened", "--json").json["receipt"]
    refused = world.call("pk.fia", "fetch", world.number_of("pk.fia", receipt), "--as", "cap")
    assert (refused.code, "receipt" in refused.err) == (2, True)
