"""What an agency does with its broker by commands: say, hear, answer, take back."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from broker.cli.moment import now
from broker.protocol import dsse, limits, times
from tests.cli.runner import must
from tests.cli.world import World

LONG_AGO = times.format(now() // 1_000_000 * 1_000_000 - 2 * limits.DAY_US)


# --- Saying -----------------------------------------------------------------------------------------------


def test_a_post_is_accepted_and_reaches_whom_it_names(world: World) -> None:
    done = world.must("pk.fia", "post", "-", "--to", "pk.anf", "--json", given=world.bulletin())
    found = done.json
    assert (found["originator"], found["repeated"]) == ("pk.fia", False)
    world.routed("pk.fia", found["id"])
    assert found["id"] in world.ids("pk.anf")
    assert found["id"] not in world.ids("pk.asf")


def test_the_same_file_posted_again_is_the_same_post(world: World) -> None:
    text = world.bulletin()
    first = world.must("pk.fia", "post", "-", "--json", given=text).json
    again = world.must("pk.fia", "post", "-", "--json", given=text).json
    assert (again["id"], again["taken_at"], again["repeated"]) == (first["id"], first["taken_at"], True)


@pytest.mark.parametrize(
    "more", [pytest.param(["--anew"], id="anew"), pytest.param(["--to", "pk.anf"], id="to-others")]
)
def test_the_same_file_is_another_post(world: World, more: list[str]) -> None:
    text = world.bulletin()
    first = world.must("pk.fia", "post", "-", "--json", given=text).json
    second = world.must("pk.fia", "post", "-", *more, "--json", given=text).json
    assert second["id"] != first["id"]
    assert not second["repeated"]


def test_a_post_that_finds_no_broker_is_kept_and_sent_as_it_was_signed(world: World) -> None:
    text = world.bulletin()
    world.must("pk.fia", "feed")  # the registry is known from now on
    done = world.call("pk.fia", "post", "-", "--patience", "0s", given=text, HARKARA_URL="http://127.0.0.1:9")
    assert done.code == 4
    assert "kept" in done.err
    (kept,) = world.state.glob("*/pk.fia/outbox/*.json")
    signed = json.loads(kept.read_text())["id"]
    assert world.must("pk.fia", "post", "-", "--json", given=text).json["id"] == signed


@pytest.mark.parametrize(
    ("agency", "arguments", "fields", "code", "pointer"),
    [
        pytest.param(
            "pk.anf", [], {"category": "terrorism"}, "may-not-originate", "/category", id="not-its-category"
        ),
        pytest.param("pk.fia", ["--to", "pk.nobody"], {}, "unknown-agency", "/address/to/0", id="to-nobody"),
        pytest.param(
            "pk.fia", ["--except", "pk.x-y"], {}, "unknown-agency", "/address/except/0", id="except-nobody"
        ),
        pytest.param("pk.fia", [], {"marking": "TLP:RED"}, "schema", "/address_digest", id="red-to-all"),
        pytest.param(
            "pk.fia", [], {"originator": "pk.anf"}, "author-mismatch", "/originator", id="for-another"
        ),
        pytest.param(
            "pk.fia", [], {"exchange": "0" * 64}, "wrong-exchange", "/exchange", id="another-exchange"
        ),
        pytest.param("pk.fia", [], {"sent": LONG_AGO}, "out-of-window", "/sent", id="sent-long-ago"),
        pytest.param("pk.fia", [], {"headline": "x"}, "schema", "/headline", id="an-unknown-field"),
    ],
)
def test_a_refusal_names_the_field(
    world: World, agency: str, arguments: list[str], fields: Any, code: str, pointer: str
) -> None:
    given = world.bulletin(**fields)
    done = world.call(agency, "post", "-", *arguments, "--json", given=given)
    assert (done.code, done.out) == (3, "")
    assert done.refusal["code"] == code
    assert pointer in [problem["pointer"] for problem in done.refusal["errors"]]
    told = world.call(agency, "post", "-", *arguments, given=given)
    assert pointer in told.err
    assert "expected" in told.err


def test_the_audience_is_shown_with_reasons_and_nothing_is_sent(world: World) -> None:
    text = world.bulletin()
    found = world.must("pk.fia", "audience", "-", "--to", "pk.anf", "--json", given=text).json
    assert {row["agency"]: row["delivers"] for row in found["audience"]} == {
        "pk.anf": True,
        "pk.asf": False,
        "pk.fia": False,
    }
    assert all(row["reason"] for row in found["audience"])
    headline = json.loads(text)["text"]["en"]["headline"]
    assert headline not in json.dumps(world.feed("pk.anf"))


def test_an_audience_of_nobody_is_a_no(world: World) -> None:
    done = world.call("pk.fia", "audience", "-", "--to", "pk.asf", given=world.bulletin(category="terrorism"))
    assert done.code == 1
    assert "not entitled to this category" in done.out


def test_a_post_that_nobody_receives_says_so(world: World) -> None:
    done = world.must("pk.fia", "post", "-", "--to", "pk.fia", given=world.bulletin())
    assert "Accepted" in done.out
    assert "Nobody receives" in done.err
    done = world.must("pk.fia", "post", "-", "--to", "pk.anf", given=world.bulletin())
    assert done.err == ""


def test_looking_from_a_number_that_there_is_not_is_refused(world: World) -> None:
    done = world.call("pk.anf", "feed", "--after", "9999")
    assert (done.code, "9999" in done.err) == (3, True)


def test_receipts_show_who_has_it_and_what_they_said(world: World) -> None:
    posted = world.post("pk.fia", "--to", "pk.anf,pk.asf")
    number = world.number_of("pk.anf", posted)
    world.must("pk.anf", "ack", number, "opened")
    world.must("pk.anf", "answer", f"pk.fia/{posted}", "later", "--until", "2h", "--note", "بعد میں")
    found = world.must("pk.fia", "receipts", posted, "--json").json
    assert {row["agency"] for row in found["delivered"]} == {"pk.anf", "pk.asf"}
    assert [(row["agency"], row["kind"]) for row in found["receipts"]] == [
        ("pk.anf", "opened"),
        ("pk.anf", "later"),
    ]
    told = world.must("pk.fia", "receipts", posted).out
    assert "بعد میں" in told
    assert "pk.asf  has it, said nothing yet" in told


@pytest.mark.parametrize(
    ("agency", "code"),
    [pytest.param("pk.anf", 3, id="a-recipient"), pytest.param("pk.asf", 3, id="a-stranger")],
)
def test_receipts_are_for_the_originator(world: World, agency: str, code: int) -> None:
    posted = world.post("pk.fia", "--to", "pk.anf")
    done = world.call(agency, "receipts", posted, "--json")
    assert (done.code, done.refusal["code"]) == (code, "not-found")


def test_a_cancel_reaches_those_who_hold_it_and_nobody_else(world: World) -> None:
    posted = world.post("pk.fia", "--to", "pk.anf")
    cancelled = world.must("pk.fia", "cancel", posted, "--reason", "A mistake", "--json").json["id"]
    world.routed("pk.fia", cancelled)
    item = next(item for item in world.feed("pk.anf") if item["id"] == cancelled)
    assert item["bulletin"]["references"] == [posted]
    assert item["bulletin"]["text"]["en"]["description"] == "A mistake"
    assert cancelled not in world.ids("pk.asf")


def test_a_red_bulletin_is_cancelled_to_its_readers(world: World) -> None:
    posted = world.post("pk.fia", "--to", "pk.anf", marking="TLP:RED")
    cancelled = world.must("pk.fia", "cancel", f"pk.fia/{posted}", "--reason", "A mistake", "--json").json[
        "id"
    ]
    assert cancelled in world.ids("pk.anf")


def test_what_was_never_posted_cannot_be_cancelled(world: World) -> None:
    done = world.call("pk.fia", "cancel", "0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64", "--reason", "x", "--json")
    assert (done.code, done.refusal["code"]) == (3, "not-found")


# --- Hearing ----------------------------------------------------------------------------------------------


def test_a_feed_shows_each_item_once(world: World) -> None:
    posted = world.post("pk.fia", "--to", "pk.anf")
    assert posted in world.must("pk.anf", "feed").out
    done = world.must("pk.anf", "feed")
    assert (done.out, done.err) == ("", "Nothing new.\n")


def test_looking_from_a_number_leaves_the_place_alone(world: World) -> None:
    posted = world.post("pk.fia", "--to", "pk.anf")
    assert posted in world.ids("pk.anf", "--after", "0")
    assert posted in world.ids("pk.anf", "--count", "1000")


def test_a_forgotten_place_begins_at_the_first_item(world: World) -> None:
    world.post("pk.fia", "--to", "pk.anf")
    first = world.must("pk.anf", "feed", "--json").out
    assert world.must("pk.anf", "feed", "--json").out == ""
    assert world.must("pk.anf", "feed", "--json", "--forget-place").out == first


def test_each_consumer_has_its_own_place(world: World) -> None:
    world.post("pk.fia", "--to", "pk.anf")
    first = world.must("pk.anf", "feed", "--json").out
    assert world.must("pk.anf", "feed", "--json", "--consumer", "second").out == first


def test_a_feed_ends_after_its_count_and_goes_on_from_there(world: World) -> None:
    posted = [world.post("pk.fia", "--to", "pk.anf") for _ in range(3)]
    world.feed("pk.anf", "--timeout", "0")
    more = [world.post("pk.fia", "--to", "pk.anf") for _ in range(3)]
    assert world.ids("pk.anf", "--count", "2") == more[:2]
    assert world.ids("pk.anf", "--count", "2") == more[2:]
    assert posted[0] not in more


def test_following_ends_when_nothing_came_in_time(world: World) -> None:
    world.must("pk.anf", "feed", "--json")
    done = world.call("pk.anf", "feed", "--follow", "--count", "1", "--timeout", "300ms", "--json")
    assert (done.code, done.out) == (1, "")


def test_an_item_is_shown_again_and_its_exact_bytes_are_written(world: World) -> None:
    posted = world.post("pk.fia", "--to", "pk.anf")
    number = world.number_of("pk.anf", posted)
    done = world.must("pk.anf", "fetch", number, "--out", "bytes.json")
    assert posted in done.out
    by_name = world.must("pk.anf", "fetch", f"pk.fia/{posted}", "--json").json
    assert json.loads(Path("bytes.json").read_bytes()) == by_name["bulletin"]
    assert Path("bytes.json").stat().st_mode & 0o077 == 0
    assert world.must("pk.fia", "fetch", f"pk.fia/{posted}", "--json").json["number"] == 0


def test_attachments_are_written(world: World) -> None:
    content = b"a picture of a lorry"
    attachment = {
        "name": "lorry.jpg",
        "media_type": "image/jpeg",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content": base64.b64encode(content).decode(),
    }
    posted = world.post("pk.fia", "--to", "pk.anf", attachments=[attachment])
    world.must("pk.anf", "fetch", f"pk.fia/{posted}", "--attachments", "files")
    assert Path("files/lorry.jpg").read_bytes() == content
    again = world.call("pk.anf", "fetch", f"pk.fia/{posted}", "--attachments", "files")
    assert again.code == 2
    assert "not overwritten" in again.err


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("999999", id="a-number-that-is-not-there"),
        pytest.param("0", id="number-nought"),
        pytest.param("pk.fia/0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64", id="an-id-that-is-not-there"),
    ],
)
def test_what_is_not_there_is_not_found(world: World, name: str) -> None:
    for command in (["fetch", name], ["ack", name, "opened"], ["export", name, "--proof", "p.json"]):
        done = world.call("pk.anf", *command, "--json")
        assert (done.code, done.refusal["code"]) == (3, "not-found"), command


def test_a_stranger_finds_nothing(world: World) -> None:
    posted = world.post("pk.fia", "--to", "pk.anf")
    done = world.call("pk.asf", "fetch", f"pk.fia/{posted}", "--json")
    assert (done.code, done.refusal["code"]) == (3, "not-found")


def test_the_same_receipt_again_is_one_receipt(world: World) -> None:
    posted = world.post("pk.fia", "--to", "pk.anf")
    name = f"pk.fia/{posted}"
    first = world.must("pk.anf", "ack", name, "actioned", "--note", "Patrol sent", "--json").json
    again = world.must("pk.anf", "ack", name, "actioned", "--note", "Patrol sent", "--json").json
    assert (again["receipt"], again["repeated"]) == (first["receipt"], True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["answer", "1", "later"], 2, "--until", id="later-without-a-time"),
        pytest.param(["answer", "1", "denied", "--until", "2h"], 2, "until", id="a-time-without-later"),
        pytest.param(["answer", "1", "perhaps"], 2, "perhaps", id="no-such-answer"),
        pytest.param(["ack", "first", "opened"], 2, "ORIGINATOR/ID", id="no-name"),
        pytest.param(["ack", "1", "confirmed"], 2, "confirmed", id="an-answer-is-no-acknowledgement"),
        pytest.param(["subscribe", "--category", "piracy"], 2, "piracy", id="no-category"),
        pytest.param(
            ["subscribe", "--everything", "--area", "PK"], 2, "everything", id="everything-and-less"
        ),
        pytest.param(["subscribe", "--area", "pk-ba"], 3, "capital letters", id="an-area-in-lower-case"),
        pytest.param(["request", "GET", "v1/inbox"], 2, "begins with /", id="no-path"),
        pytest.param(["feed", "--timeout", "soon"], 2, "soon", id="no-duration"),
        pytest.param(["feed", "--count", "0"], 2, "--count", id="none-at-all"),
        pytest.param(["feed", "--consumer", "A B"], 3, "a-z", id="a-consumer-with-a-space"),
        pytest.param(["post", "nowhere.json"], 2, "is not there", id="no-file"),
        pytest.param(["post", "."], 2, "is a directory", id="a-directory"),
    ],
)
def test_wrong_use_is_told(world: World, arguments: list[str], code: int, said: str) -> None:
    done = world.call("pk.anf", *arguments)
    assert (done.code, done.out) == (code, ""), done.err
    assert said in done.err


def test_a_receipt_cannot_be_acknowledged(world: World) -> None:
    posted = world.post("pk.fia", "--to", "pk.anf")
    receipt = world.must("pk.anf", "ack", f"pk.fia/{posted}", "opened", "--json").json["receipt"]
    done = world.call("pk.fia", "ack", world.number_of("pk.fia", receipt), "opened")
    assert done.code == 2
    assert "is a receipt" in done.err


def test_a_subscription_narrows_until_it_is_taken_back(world: World) -> None:
    world.must(
        *("pk.asf", "subscribe", "--category", "other", "--category", "arms-smuggling"),
        *("--area", "PK-BA,PK-SD", "--severity", "Moderate"),
    )
    kept = world.must("pk.asf", "subscribe", "--json").json["subscription"]
    assert (kept["categories"], kept["areas"], kept["severity"]) == (
        ["arms-smuggling", "other"],
        ["PK-BA", "PK-SD"],
        "Moderate",
    )
    unheard = world.post("pk.fia")
    world.must("pk.asf", "subscribe", "--everything")
    heard = world.post("pk.fia")
    ids = world.ids("pk.asf")
    assert (unheard in ids, heard in ids) == (False, True)
    assert "everything" in world.must("pk.asf", "subscribe").out


# --- Proving, and the rest --------------------------------------------------------------------------------


def test_a_proof_shows_author_and_acceptance_offline(world: World) -> None:
    posted = world.post("pk.fia", "--to", "pk.anf")
    world.must("pk.anf", "export", f"pk.fia/{posted}", "--proof", "proof.json")
    found = must("verify", "proof.json", "--registry", world.home / "exchange/registry.json", "--json").json
    assert (found["author"], found["stamp"]["broker"]) == ("pk.fia", "int.broker")


def test_an_agency_verifies_by_the_registry_that_it_received_last(world: World) -> None:
    posted = world.post("pk.fia", "--to", "pk.anf")
    world.must("pk.anf", "export", f"pk.fia/{posted}", "--proof", "proof.json")
    assert world.must("pk.anf", "verify", "proof.json", "--json").json["author"] == "pk.fia"
    fresh = world.call("pk.anf", "verify", "proof.json", HARKARA_STATE="elsewhere")
    assert fresh.code == 2
    assert "post or read once" in fresh.err


def test_an_agency_sees_the_members_of_the_registry_that_it_received_last(world: World) -> None:
    world.must("pk.anf", "feed")
    found = world.must("pk.anf", "registry", "show", "--json").json
    assert {"pk.fia", "pk.anf", "pk.asf", "int.broker"} <= {member["id"] for member in found["members"]}
    assert "agencies" not in found


def _stamp_of_another(proof: Any, other: Any) -> None:
    proof["stamp"] = other["stamp"]


def _statement_of_another(proof: Any, other: Any) -> None:
    proof["statement"] = other["statement"]


def _stamp_by_the_author(proof: Any, _: Any) -> None:
    proof["stamp"]["signatures"][0]["keyid"] = proof["statement"]["signatures"][0]["keyid"]


def _later_stamp(proof: Any, _: Any) -> None:
    payload = bytearray(dsse.decode64(proof["stamp"]["payload"], ""))
    payload[-3] ^= 1
    proof["stamp"]["payload"] = dsse.encode64(bytes(payload))


def _sealed_header_of_another(proof: Any, other: Any) -> None:
    proof["sealed_header"] = other["sealed_header"]


@pytest.mark.parametrize(
    "change",
    [
        _stamp_of_another,
        _statement_of_another,
        _stamp_by_the_author,
        _later_stamp,
        _sealed_header_of_another,
    ],
)
def test_a_proof_that_was_put_together_is_not_authentic(world: World, change: Any) -> None:
    proofs = []
    for name in ("one.json", "other.json"):
        posted = world.post("pk.fia", "--to", "pk.anf")
        world.must("pk.anf", "export", f"pk.fia/{posted}", "--proof", name)
        proofs.append(json.loads(Path(name).read_text()))
    change(*proofs)
    registry = world.home / "exchange/registry.json"
    done = world.call("pk.anf", "verify", "-", "--registry", registry, given=json.dumps(proofs[0]))
    assert (done.code, done.out) == (5, "")


def test_request_prints_the_answer_as_it_came(world: World) -> None:
    done = world.must("pk.anf", "request", "GET", "/v1/inbox?after=0&limit=1")
    assert json.loads(done.out)["agency"] == "pk.anf"
    assert done.err.startswith("200 application/json")
    found = world.must("pk.anf", "request", "get", "/v1/registry", "--json").json
    assert (found["status"], json.loads(found["body"])["payloadType"]) == (
        200,
        "application/vnd.harkara.registry+json",
    )


def test_request_sends_a_body(world: World) -> None:
    identity = (
        "--identity",
        world.home / "pk.fia/pk.fia.key",
        "--exchange",
        world.home / "exchange/exchange.json",
    )
    registry = ("--registry", world.home / "exchange/registry.json")
    Path("post.json").write_text(must("sign", "-", *identity, *registry, given=world.bulletin()).out)
    done = world.must("pk.fia", "request", "POST", "/v1/bulletins", "--body", "post.json")
    assert json.loads(done.out)["originator"] == "pk.fia"
    assert done.err.startswith("201 ")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/v1/nowhere", 404, id="no-such-route"),
        pytest.param("DELETE", "/v1/inbox", 405, id="no-such-method"),
        pytest.param("GET", "/v1/inbox?after=-1", 400, id="no-such-number"),
    ],
)
def test_a_refused_request_is_printed_and_has_its_exit_code(
    world: World, method: str, path: str, status: int
) -> None:
    done = world.call("pk.anf", "request", method, path)
    assert done.code == 3
    assert json.loads(done.out)["status"] == status
    assert done.err.startswith(f"{status} ")


@pytest.mark.parametrize(
    ("variables", "code", "said"),
    [
        pytest.param({"HARKARA_URL": "http://exchange.gov.pk"}, 6, "https", id="in-clear-to-another-machine"),
        pytest.param({"HARKARA_URL": "ftp://127.0.0.1"}, 6, "https://HOST", id="another-protocol"),
        pytest.param(
            {"HARKARA_URL": "http://127.0.0.1:9", "HARKARA_PATIENCE": "0"}, 4, "unreachable", id="nobody"
        ),
        pytest.param(
            {"HARKARA_URL": "http://127.0.0.1:9", "HARKARA_PATIENCE": "0"},
            4,
            "http://127.0.0.1:9",
            id="nobody-and-where",
        ),
        pytest.param(
            {"HARKARA_URL": "http://127.0.0.1:9", "HARKARA_PATIENCE": "0"},
            4,
            "--url or HARKARA_URL",
            id="nobody-and-how-to-name-another",
        ),
        pytest.param({"HARKARA_IDENTITY": ""}, 2, "HARKARA_IDENTITY", id="nobody-asks"),
        pytest.param({"HARKARA_IDENTITY": "nowhere.key"}, 2, "is not there", id="no-identity"),
        pytest.param({"HARKARA_EXCHANGE": "nowhere.json"}, 2, "is not there", id="no-exchange"),
        pytest.param({"HARKARA_REGISTRY": "nowhere.json"}, 2, "is not there", id="no-registry"),
        pytest.param({"HARKARA_CA": "nowhere.pem"}, 2, "is not there", id="no-certificates"),
    ],
)
def test_what_is_missing_or_unsafe_is_told_by_every_command(
    world: World, variables: dict[str, str], code: int, said: str
) -> None:
    for command in (["feed"], ["receipts", "x"], ["request", "GET", "/"]):
        done = world.call("pk.anf", *command, **variables)
        assert (done.code, done.out) == (code, ""), done.err
        assert said in done.err


def test_an_exchange_that_is_not_found_is_asked_for(world: World) -> None:
    Path("pk.anf.key").write_bytes((world.home / "pk.anf/pk.anf.key").read_bytes())
    Path("pk.anf.key").chmod(0o600)
    done = world.call("pk.anf", "feed", HARKARA_IDENTITY="pk.anf.key")
    assert done.code == 2
    assert "--exchange FILE" in done.err


def test_a_member_without_enrolment_is_refused(world: World) -> None:
    must("keys", "new", "pk.nobody", "--exchange", world.home / "exchange/exchange.json", "--out", "nobody")
    done = world.call("pk.anf", "feed", "--json", HARKARA_IDENTITY="nobody/pk.nobody.key")
    assert (done.code, done.refusal["code"]) == (3, "unknown-key")


def test_words_for_people_carry_no_fractions_of_a_second(world: World) -> None:
    told = world.must("pk.fia", "post", "-", given=world.bulletin()).out
    assert re.search(r"\d\d:\d\d:\d\dZ", told)
