"""What the tests of `harkara doctor` need: a certificate authority, a shell in which a printed cure is
run as it was printed, and an exchange that is served over TLS.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cli.runner import SECONDS, call, environment
from tests.cli.world import running

Json = Any


class Authority:
    """A certificate authority of its own, in a directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the ministry")])
        own = _build(self._name, self._name, self._key.public_key(), dt.timedelta(days=9))
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        own = own.add_extension(usage, True)
        self.file = directory / "ca.pem"
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def certificate(self, host: str, valid: dt.timedelta = dt.timedelta(days=9)) -> tuple[Path, Path]:
        """Give the files of a certificate for a host, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        made = _build(name, self._name, key.public_key(), valid).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), False
        )
        cert_file, key_file = self.directory / f"{host}.pem", self.directory / f"{host}.key.pem"
        cert_file.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        key_file.chmod(0o600)
        return cert_file, key_file


def _build(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, valid: dt.timedelta
) -> x509.CertificateBuilder:
    today = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=2))
        .not_valid_after(today + valid)
    )


@dataclass(frozen=True)
class Desk:
    """Somebody at a shell: `home` is where they stand, `variables` what their shell has."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def having(self, **variables: str) -> Desk:
        """Give the same with other variables; an empty one is taken away."""
        kept = {name: value for name, value in (self.variables | variables).items() if value}
        return replace(self, variables=kept)

    def fault(self, check: str, *arguments: str | Path) -> Json:
        """Ask the doctor in this process; it has to say no, and this check has to be why. Gives what it
        found for that.
        """
        done = call("doctor", "--json", *arguments, **self.variables)
        assert done.code == 1, done.out + done.err
        return of(json.loads(done.out), check)

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script as it stands; the first command that fails ends it."""
        done = subprocess.run(
            ["sh", "-e", "-c", script],
            cwd=self.home,
            env=environment(**self._variables()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done

    def healed(self, cure: str, *arguments: str | Path) -> list[Json]:
        """Run a cure, and ask the doctor again in the same shell: it has to be content."""
        asked = " ".join(["harkara", "doctor", "--json", *map(str, arguments)])
        return json.loads(self.shell(f"{cure}\n{asked}").stdout.splitlines()[-1])

    @contextmanager
    def serving(self, cure: str) -> Iterator[str]:
        """Run a cure whose last line serves, while the context lasts; gives the address."""
        *before, serve = cure.splitlines()
        script = "\n".join([*before, f"exec {serve} --json"])
        here = self._variables()
        with chdir(self.home), running("-e", "-c", script, program=["sh"], variables=here) as broker:
            yield json.loads(broker.wait_for('"url"'))["url"]
            if broker.process.poll() is None:
                broker.end()

    def _variables(self) -> dict[str, str]:
        path = f"{program_directory(self.home)}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path} | self.variables


def program_directory(home: Path) -> Path:
    """Give a directory with `harkara` in it, as an installation has."""
    directory = home / "bin"
    directory.mkdir(exist_ok=True)
    executable(
        directory / "harkara", f'exec {sys.executable} -c "from broker.cli.main import main; main()" "$@"'
    )
    return directory


def executable(path: Path, line: str) -> None:
    """Write a small program, once."""
    if not path.exists():
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)


def of(found: list[Json], check: str) -> Json:
    """Give the worst finding of a check."""
    order = ("fail", "warn", "pass")
    return min(
        (each for each in found if each["check"] == check), key=lambda each: order.index(each["outcome"])
    )
