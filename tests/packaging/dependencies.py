"""What Harkara depends on: names and versions from the lock files, licences from what is installed."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
SERVED_LOCK = "requirements-server.lock"
WHOLE_LOCK = "requirements.lock"

SPDX = {
    "apache 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD",
    "bsd license": "BSD",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "isc license (iscl)": "ISC",
    "lgplv3": "LGPL-3.0-only",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
"""Words that packages use for their licence, and the identifier. BSD says only that it is one of them."""

IDENTIFIERS = re.compile(r"[A-Za-z0-9.+-]+(?: (?:AND|OR) [A-Za-z0-9.+-]+)*")

SAID_ELSEWHERE = {
    "async-timeout": "Apache-2.0",  # wanted by Python 3.11.0 to 3.11.2 alone, hence not installed elsewhere
    "atheris": "Apache-2.0",  # its metadata name none; its repository has the licence
}


@dataclass(frozen=True)
class Dependency:
    """One package: `served` is what a broker needs, the rest is for tests and building."""

    name: str
    version: str
    served: bool
    licence: str


def dependencies() -> list[Dependency]:
    """Give all, by name."""
    served = dict(locked(SERVED_LOCK))
    return [Dependency(n, v, n in served, licence_of(n)) for n, v in sorted(locked(WHOLE_LOCK))]


def locked(lock: str) -> Iterator[tuple[str, str]]:
    """Give name and version of each package in a lock file."""
    text = (REPOSITORY / lock).read_text("utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            wanted = Requirement(re.sub(r"--hash=\S+", "", line).strip())
            (pin,) = wanted.specifier
            yield canonicalize_name(wanted.name), pin.version


def licence_of(name: str) -> str:
    """Give a package's licence as it says itself: an SPDX expression, or the plain word BSD.

    Raises LookupError for a package that is not installed, or does not say.
    """
    if name in SAID_ELSEWHERE:
        return SAID_ELSEWHERE[name]
    try:
        said = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        raise LookupError(f"{name} is not installed: name its licence in SAID_ELSEWHERE") from None
    if "License-Expression" in said:
        return said["License-Expression"]
    told = said["License"].strip() if "License" in said else ""
    first_line, *_ = told.splitlines() or [""]
    words = re.split(r"\s{2,}", first_line)[0]
    if words.lower() in SPDX:
        return SPDX[words.lower()]
    if IDENTIFIERS.fullmatch(words) and words != "UNKNOWN":
        return words
    classes = [line.rpartition("::")[2].strip().lower() for line in said.get_all("Classifier", [])]
    if found := sorted({SPDX[word] for word in classes if word in SPDX}):
        return " OR ".join(found)
    raise LookupError(f"{name} does not say its licence: look it up, and name it in SAID_ELSEWHERE")


def direct() -> list[str]:
    """Give the names that the project itself asks for to serve."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["server"], *extras["interop"]]
    return sorted({canonicalize_name(Requirement(line).name) for line in wanted})
