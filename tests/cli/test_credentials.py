"""Credentials as systemd gives them: the group bits are an access list's mask; nothing else is let by."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.cli import files
from broker.errors import UnsafeConfiguration


def secret(directory: Path, mode: int) -> Path:
    directory.mkdir()
    path = directory / "broker.key"
    path.write_bytes(b"secret")
    path.chmod(mode)
    return path


def test_a_credential_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = secret(tmp_path / "credentials", 0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(path.parent))
    assert files.read_private(path, "a key") == b"secret"


@pytest.mark.parametrize(
    ("mode", "given"),
    [
        pytest.param(0o440, "elsewhere", id="a-file-beside-the-credentials"),
        pytest.param(0o440, "", id="without-credentials"),
        pytest.param(0o444, "credentials", id="a-credential-that-all-can-read"),
        pytest.param(0o460, "credentials", id="a-credential-that-a-group-can-change"),
    ],
)
def test_what_others_can_get_at_is_refused(
    mode: int, given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = secret(tmp_path / "credentials", mode)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / given) if given else "")
    with pytest.raises(UnsafeConfiguration, match="chmod 600"):
        files.read_private(path, "a key")
