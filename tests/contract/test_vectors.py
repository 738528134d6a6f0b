"""The published vectors: made anew to the byte, each success and each refusal."""

from __future__ import annotations

from typing import Any

import pytest

from broker.errors import HarkaraError, family
from tests.vectors import making
from tests.vectors.operations import OPERATIONS
from tests.vectors.vector import DIRECTORY, RECORDED, Vector, path_of, published

VECTORS = {vector.name: vector for vector in published()}
FILES = [path_of(name) for name in VECTORS]
EVERY = [pytest.param(vector, id=name) for name, vector in VECTORS.items()]
REFUSED = [
    pytest.param(vector, refusal, id=f"{name}-{refusal.name}".replace(" ", "-"))
    for name, vector in VECTORS.items()
    for refusal in vector.refusals
]


# --- The files as a whole -----------------------------------------------------------------------------------


def test_they_are_made_anew_to_the_byte() -> None:
    recorder = making.recorded_in(DIRECTORY)
    recorded = dict(recorder.recorded)
    made = {f"{vector.name}.json": vector.to_bytes() for vector in making.make(recorder)}
    assert recorder.recorded == recorded, "what HPKE gave once is kept"
    assert made.keys() == {path.name for path in FILES}
    for name, contents in made.items():
        assert (DIRECTORY / name).read_bytes() == contents, f"{name}: run `make vectors`"


def test_nothing_else_lies_among_them() -> None:
    names = {path.name for path in DIRECTORY.iterdir()}
    assert names == {path.name for path in FILES} | {RECORDED, "README.md"}


def test_every_operation_has_a_vector() -> None:
    assert {vector.operation for vector in VECTORS.values()} == OPERATIONS.keys()


@pytest.mark.parametrize("vector", EVERY)
def test_a_vector_has_a_success_and_about_four_refusals_with_a_cause(vector: Vector) -> None:
    assert vector.expected
    assert len(vector.refusals) >= 4
    assert len({refusal.name for refusal in vector.refusals}) == len(vector.refusals)
    codes = {kind.code for kind in family()}
    for refusal in vector.refusals:
        assert refusal.why
        assert refusal.error in codes
        assert refusal.inputs(vector.inputs) != dict(vector.inputs)


@pytest.mark.parametrize("vector", EVERY)
def test_a_vector_gives_what_it_says(vector: Vector) -> None:
    assert OPERATIONS[vector.operation](dict(vector.inputs)) == vector.expected


@pytest.mark.parametrize(("vector", "refusal"), REFUSED)
def test_a_vector_is_refused_for_the_cause_that_it_names(vector: Vector, refusal: Any) -> None:
    with pytest.raises(HarkaraError) as refused:
        OPERATIONS[vector.operation](refusal.inputs(vector.inputs))
    assert refused.value.code == refusal.error


def test_the_files_name_their_section_of_the_specification() -> None:
    text = (path_of("x").parents[1] / "protocol.md").read_text()
    for vector in VECTORS.values():
        assert f"## {vector.source}\n" in text, vector.name
