"""Victims and witnesses in an export: who stands outside the exchange learns that there is one, not who."""

from __future__ import annotations

from typing import Any

from broker.protocol.subjects import PROTECTED_ROLES


def is_protected(subject: dict[str, Any]) -> bool:
    """Tell whether a subject is a protected person."""
    return subject.get("role") in PROTECTED_ROLES


def withheld(subject: dict[str, Any]) -> dict[str, Any]:
    """Give the subject as it may go out."""
    if not is_protected(subject):
        return subject
    return {"type": "person", "role": subject["role"], "note": "withheld: a protected person"}
