"""Whether the places of an agency's consumers are in the inbox that the broker has.

A place that is ahead, or in another history, is what is left when a store was lost, or taken back to
an older copy: the feed stops loudly on it, and goes on only when a person has said so.
"""

from __future__ import annotations

from urllib.parse import urlencode

from broker.cli import doctor_cures as cures
from broker.cli.agency_flags import AgencyFlags
from broker.cli.doctor_finding import Finding, why
from broker.client.agency import Agency
from broker.client.arrivals import cursor_query
from broker.client.place import Place, PlaceFile
from broker.client.problems import problem_of
from broker.client.state import State
from broker.errors import CursorNotOurs, HarkaraError, Problem, RolledBack, UnsafeConfiguration
from broker.protocol.registry import Registry

DEFAULT_CONSUMER = "default"


async def place_checks(agency: Agency, flags: AgencyFlags, registry: Registry) -> list[Finding]:
    """Hold each place in the registry's epoch to the inbox. Raises what the way to the broker raises."""
    places = State.of(flags.state, registry.exchange, agency.id).places
    ending = f".{registry.epoch.hex()}.json"
    found: list[Finding] = []
    for file in sorted(places.glob(f"*{ending}")):
        consumer = file.name.removesuffix(ending)
        try:
            place = PlaceFile(places, consumer).load(registry.epoch)
        except UnsafeConfiguration as error:
            mend = ("chmod", "600", file) if "others can read" in error.detail else ("rm", file)
            found.append(Finding("place", "fail", why(error), cures.command(*mend)))
            continue
        if place is not None:
            found.append(await _held_to_inbox(agency, consumer, place))
    return found or [Finding("place", "pass", "nothing was read here yet")]


async def _held_to_inbox(agency: Agency, consumer: str, place: Place) -> Finding:
    here = place.position
    query = urlencode(cursor_query(here) | {"limit": "1"})
    answer = await agency.request("GET", f"/v1/inbox?{query}")
    if answer.status == 200:
        return Finding("place", "pass", f"{consumer} has read up to number {here.after}")
    error: HarkaraError = problem_of(answer.status, answer.body)
    match error:
        case CursorNotOurs():
            words = f"{consumer} has read up to number {here.after}, and the inbox is shorter"
        case RolledBack(problems=[Problem(pointer="/at")]):
            words = f"{consumer} has read up to number {here.after}, and the inbox is shorter"
        case RolledBack():
            words = f"{consumer} has read up to number {here.after}, and the inbox has another history"
        case _:
            words = f"{consumer}, number {here.after}"
    return Finding("place", "fail", f"{words}: {why(error)}", _forget(consumer))


def _forget(consumer: str) -> str:
    named = [] if consumer == DEFAULT_CONSUMER else ["--consumer", consumer]
    return cures.lines(
        "# first ask the operator what became of the store; know what you hold by originator and id; then:",
        cures.command("harkara", "feed", "--forget-place", *named, *cures.as_asked()),
    )
