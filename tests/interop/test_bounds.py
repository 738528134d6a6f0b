"""Everything that is too much: nothing is cut silently, and what is made stays a bulletin."""

from __future__ import annotations

import base64
import json
from random import Random
from typing import Any

import msgspec
import pytest

from broker.interop.imported import Imported
from broker.protocol import limits
from tests.interop.alerts import alert, area, element, imported, info, pair, read, refused


def attached(one: Imported) -> dict[str, bytes]:
    return {file["name"]: base64.b64decode(file["content"]) for file in one.document.get("attachments", ())}


def rest_of(one: Imported) -> list[dict[str, str]]:
    return json.loads(attached(one)["cap-rest.json"])


def says(one: Imported, word: str) -> bool:
    return any(word in sentence for sentence in one.announced)


def embedded(name: str, content: bytes) -> str:
    said = {
        "resourceDesc": "x",
        "mimeType": "image/png",
        "uri": name,
        "derefUri": base64.b64encode(content).decode(),
    }
    return f"<resource>{''.join(element(key, text) for key, text in said.items())}</resource>"


def outline(n: int, positions: int) -> str:
    jagged = Random(n)
    pairs = (f"{30 + n / 100 + jagged.random() / 100:.5f},{70 + k / 1e5:.5f}" for k in range(positions))
    return element("polygon", " ".join(pairs))


def test_correlations_beyond_the_limit_are_attached_as_the_rest() -> None:
    one = imported(alert(info(*(pair("parameter", "zone", f"z{n}") for n in range(400)))))
    there = one.document["correlations"]
    assert len(there) == limits.CORRELATIONS_ITEMS
    values = {kept["value"] for kept in there} | {kept["value"] for kept in rest_of(one)}
    assert {f"z{n}" for n in range(400)} <= values
    assert {"system": "cap", "key": "rest", "value": "cap-rest.json"} in there
    assert says(one, "the rest")


def test_a_long_value_is_cut_and_whole_in_the_rest() -> None:
    one = imported(alert(info(pair("parameter", "list", "y" * 9000))))
    assert {"key": "parameter:list", "value": "y" * 9000} in rest_of(one)
    assert {"system": "cap", "key": "parameter:list", "value": "y" * 4095 + "…"} in one.document[
        "correlations"
    ]


def test_a_long_value_name_is_cut_and_whole_in_the_rest() -> None:
    one = imported(alert(info(pair("parameter", "n" * 500, "v"))))
    assert {"key": "parameter:" + "n" * 500, "value": "v"} in rest_of(one)


def test_areas_beyond_the_limit_are_in_the_rest_with_their_codes() -> None:
    areas = [area(f"Post {n}", pair("geocode", "PS", f"ps{n}")) for n in range(80)]
    one = imported(alert(info(*areas)))
    assert len(one.document["areas"]) == limits.AREAS_ITEMS
    rest = {kept["key"]: kept["value"] for kept in rest_of(one)}
    assert json.loads(rest["area65"]) == {"name": "Post 64"}
    assert rest["area65.geocode:PS"] == "ps64"
    assert "area80" in rest


def test_languages_beyond_the_limit_are_in_the_rest() -> None:
    tags = [f"{a}{b}" for a in "abcd" for b in "abcde"]
    one = imported(alert(*(info(language=tag, headline=f"in {tag}") for tag in tags)))
    assert len(one.document["text"]) == limits.LANGUAGES_BLOCKS
    assert sum(kept["key"].startswith("text:") for kept in rest_of(one)) == 4


def test_a_rest_that_no_bulletin_can_carry_refuses_the_alert() -> None:
    refusal = refused(alert(info(*(pair("parameter", f"p{n}", "y" * 9000) for n in range(20)))))
    assert "split the source" in refusal.reason


def test_an_outline_with_too_many_positions_is_simplified_and_that_is_said() -> None:
    one = imported(alert(info(area("P", outline(0, 5000)))))
    (ring,) = one.document["areas"][0]["geometry"]["coordinates"]
    assert len(ring) == limits.AREA_POINTS
    assert says(one, "simplified from 5001 positions to 2000")


def test_outlines_of_one_area_are_shared_out_over_as_few_as_hold_them() -> None:
    one = imported(alert(info(area("P", *(outline(n, 900) for n in range(5))))))
    assert [area["name"] for area in one.document["areas"]] == ["P"] * 3


def test_more_outlines_than_a_geometry_has_become_two() -> None:
    one = imported(alert(info(area("P", *(outline(n, 4) for n in range(100))))))
    assert [len(area["geometry"]["coordinates"]) for area in one.document["areas"]] == [64, 36]


def test_outlines_that_fill_the_payload_are_simplified_until_it_fits() -> None:
    one = imported(alert(info(*(area(f"P{n}", outline(n, 1900)) for n in range(30)))))
    assert len(msgspec.json.encode(one.document)) < limits.PAYLOAD_BYTES
    assert says(one, "outlines simplified to 250 positions")
    assert not says(one, "outlines simplified to 500 positions")
    assert len(one.document["areas"]) == 30


def test_text_that_no_payload_can_hold_refuses_the_alert() -> None:
    long = dict.fromkeys(("description", "instruction"), "ب" * 32_000)
    refusal = refused(alert(*(info(language=tag, **long) for tag in ("ur", "sd", "ps"))))
    assert str(limits.PAYLOAD_BYTES) in refusal.reason


def test_urdu_counts_as_it_is_signed_and_not_as_it_could_be_escaped() -> None:
    long = dict.fromkeys(("description", "instruction"), "ب" * 30_000)
    assert imported(alert(info(language="ur", **long))).document["text"]["ur"] == {
        "headline": "A van without plates",
        **long,
    }


def test_a_picture_outlives_the_corners_of_an_outline() -> None:
    areas = (area(f"P{n}", outline(n, 1900)) for n in range(10))
    one = imported(alert(info(*areas, embedded("f.png", b"1" * 50_000))))
    assert list(attached(one)) == ["f.png"]
    assert says(one, "outlines simplified to 500 positions")


FILES: list[Any] = [
    pytest.param([50_000], ["f0.png"], id="one-that-fits"),
    pytest.param([50_000] * 4, ["f0.png", "f1.png", "cap-alert.xml"], id="as-many-as-fit"),
    pytest.param([200_000, 10], ["f1.png"], id="a-small-one-behind-one-that-is-too-large"),
    pytest.param([10] * 10, [f"f{n}.png" for n in range(8)], id="no-more-than-eight"),
]


@pytest.mark.parametrize(("sizes", "names"), FILES)
def test_files_are_attached_while_they_fit(sizes: list[int], names: list[str]) -> None:
    one = imported(alert(info(*(embedded(f"f{n}.png", bytes([n]) * size) for n, size in enumerate(sizes)))))
    there = list(attached(one))
    assert [name for name in there if name != "cap-alert.xml"] == [
        name for name in names if name != "cap-alert.xml"
    ]
    assert says(one, "left out") is (len(names) < len(sizes) or "cap-alert.xml" in names)


def test_files_of_one_name_get_names_of_their_own() -> None:
    one = imported(alert(info(embedded("a/f.png", b"1"), embedded("b/F.png", b"2"))))
    assert attached(one) == {"f.png": b"1", "2-F.png": b"2"}


NAMES = [
    pytest.param("../../etc/passwd", "passwd.png", id="a-path"),
    pytest.param("http://x.example/a/b.jpg?c=/d", "b.jpg", id="an-address"),
    pytest.param("C%3A%5Cwindows%5Cx.exe", "C-windows-x.exe", id="a-path-of-windows"),
    pytest.param(".bashrc", "bashrc.png", id="a-hidden-file"),
    pytest.param("%E2%80%AEgnp.exe", "gnp.exe", id="a-name-that-reads-backwards"),
    pytest.param("a" * 300 + ".png", "a" * 80 + ".png", id="a-very-long-one"),
    pytest.param("http://[broken", "x.png", id="no-address"),
    pytest.param("///", "x.png", id="nothing"),
]


@pytest.mark.parametrize(("uri", "name"), NAMES)
def test_a_file_has_a_name_that_every_system_can_write(uri: str, name: str) -> None:
    assert list(attached(imported(alert(info(embedded(uri, b"1")))))) == [name]


def test_a_device_of_windows_is_no_name() -> None:
    (name,) = attached(imported(alert(info(embedded("con.png", b"1")))))
    assert name != "con.png"


@pytest.mark.parametrize("content", ["not base64!", "AAA", "AA==AA"])
def test_content_that_is_no_base64_is_left_out_and_the_source_attached(content: str) -> None:
    broken = embedded("f.png", b"").replace("<derefUri></derefUri>", element("derefUri", content))
    one = imported(alert(info(broken)))
    assert list(attached(one)) == ["cap-alert.xml"]
    assert says(one, "not base64")


def test_a_feed_of_many_alerts_is_read_whole() -> None:
    found = read(f"<feed>{''.join(alert(identifier=f'n{n}') for n in range(600))}</feed>")
    assert len(found) == 600
    assert all(isinstance(one, Imported) for one in found)
