"""Licences and the bill of materials: in step with the lock files and with what packages say, and nothing in
a broker whose licence would bind what its operator does with it.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from typing import Any

import pytest

from tests.packaging.dependencies import SERVED_LOCK, WHOLE_LOCK, dependencies, direct, licence_of, locked
from tests.packaging.write_licences import BILL, LICENCES, bill_of_materials, licences_page

FREE_TO_USE = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"}
"""Licences that ask for no more than their notice."""

WRITTEN: dict[str, Any] = json.loads(BILL.read_text("utf-8"))


def test_the_page_of_licences_is_in_step() -> None:
    assert LICENCES.read_text("utf-8") == licences_page(dependencies()), "make licences"


def test_the_bill_of_materials_is_in_step() -> None:
    assert BILL.read_text("utf-8") == bill_of_materials(dependencies()), "make licences"


def test_the_bill_of_materials_holds_what_is_served_and_nothing_else() -> None:
    listed = {each["name"]: each["version"] for each in WRITTEN["components"]}
    assert listed == dict(locked(SERVED_LOCK))
    assert set(direct()) <= set(listed)
    assert "pytest" not in listed


def test_the_bill_of_materials_is_cyclonedx() -> None:
    assert (WRITTEN["bomFormat"], WRITTEN["specVersion"], WRITTEN["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", WRITTEN["serialNumber"])
    references = [each["bom-ref"] for each in WRITTEN["components"]]
    assert len(references) == len(set(references))
    assert all(re.fullmatch(r"pkg:pypi/[a-z0-9-]+@[\w.]+", reference) for reference in references)
    (graph,) = WRITTEN["dependencies"]
    assert graph["ref"] == WRITTEN["metadata"]["component"]["bom-ref"]
    assert set(graph["dependsOn"]) <= set(references)


def test_nothing_in_a_broker_binds_its_operator() -> None:
    bound = {
        each.name: each.licence
        for each in dependencies()
        if each.served and not set(re.split(r" (?:AND|OR) ", each.licence)) <= FREE_TO_USE
    }
    assert bound == {}


def test_what_is_installed_is_what_is_locked() -> None:
    """Else the page would tell of other versions' licences."""
    found = {
        each.metadata["Name"].lower().replace("_", "-").replace(".", "-"): each.version
        for each in importlib.metadata.distributions()
    }
    served = dict(locked(SERVED_LOCK))
    assert {name: found[name] for name in served if name in found and found[name] != served[name]} == {}
    assert set(served) <= dict(locked(WHOLE_LOCK)).keys()


@pytest.mark.parametrize(
    "name",
    [pytest.param("no-such-package", id="not-installed"), pytest.param("harkara-of-nobody", id="unknown")],
)
def test_a_licence_that_nobody_named_is_an_error(name: str) -> None:
    with pytest.raises(LookupError, match="SAID_ELSEWHERE"):
        licence_of(name)
