"""What STIX 2.1 asks of every object that goes out, whatever its source had."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Final

from broker.interop.source_times import read_time
from broker.interop.stix_document import StixObject
from broker.protocol import times

_REQUIRED: Final[dict[str, dict[str, Any]]] = {
    "indicator": {"pattern_type": "stix"},
    "malware": {"is_family": False},
}
"""What STIX 2.1 requires and 2.0 had not, with the value that 2.0 meant."""
_TIMES: Final = frozenset(
    {"created", "modified", "published", "valid_from", "valid_until", "first_seen", "last_seen"}
    | {"first_observed", "last_observed", "start_time", "stop_time", "object_modified"}
)
_STIX_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", re.ASCII)
_VERSION_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,}Z", re.ASCII)


def stix_time(at: int) -> str:
    """Give STIX's spelling of µs since the epoch: UTC, milliseconds (STIX 2.1, section 3.2)."""
    seconds, micros = divmod(at, 1_000_000)
    return times.format(seconds * 1_000_000).replace("Z", f".{micros // 1000:03}Z")


def as_2_1(one: StixObject, marking: str) -> None:
    """Add what STIX 2.1 requires of an object and its source had not, and write its times as STIX does.

    A report names something: one of nothing names its `marking`.
    """
    if one["type"] == "report" and not one.get("object_refs"):
        one["object_refs"] = [marking]
    if "created" in one and one["type"] != "bundle":
        one.setdefault("spec_version", "2.1")
    for name, value in _REQUIRED.get(one["type"], {}).items():
        one.setdefault(name, value)
    for name in _TIMES & one.keys():
        form = _VERSION_TIME if name in ("created", "modified") else _STIX_TIME
        if isinstance(text := one[name], str) and form.fullmatch(text) is None:
            with suppress(ValueError):
                one[name] = stix_time(read_time(text))
