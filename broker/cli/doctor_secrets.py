"""Whether a file of secrets is closed to others: found by the rule that all commands read such files by."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from broker.cli import doctor_cures as cures
from broker.cli import files
from broker.cli.doctor_finding import Finding
from broker.cli.refusals import MisuseError
from broker.errors import UnsafeConfiguration


def closed(path: Path) -> Finding | None:
    """Give what is wrong when others can get at a file; None when nothing is, or it is not there."""
    if not files.POSIX or not path.exists():
        return None
    try:
        files.read_private(path, "a private key")
    except UnsafeConfiguration:
        found = path.stat()
    except MisuseError:
        return None
    else:
        return None
    if found.st_uid not in (os.geteuid(), 0):
        cure = cures.command("sudo", "chown", str(os.geteuid()), path)
        return Finding("key-file", "fail", f"{path} belongs to another user, {found.st_uid}", cure)
    seen = f"{path} can be read by others (mode {stat.S_IMODE(found.st_mode):04o})"
    return Finding("key-file", "fail", seen, cures.command("chmod", "600", path))
