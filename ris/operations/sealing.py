"""Encryption of backups: CMS (RFC 5652, 5083) with AES-256-GCM for a certificate; and signatures of archives.

The private key is kept elsewhere, so whoever takes the server takes no old backup with it: it can make backups and
cannot read them. OpenSSL does it, which restores a backup without this program, too:
``openssl cms -decrypt -binary -inform DER -in FILE -inkey KEY``.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

YEARS = 30
"""Of the certificate's life: nothing checks it, and a backup must not become unreadable by a date."""


class SealError(Exception):
    """It cannot be encrypted or decrypted. Its text says the cure and holds nothing of the content."""


def make_key(certificate: Path, key: Path) -> None:
    """Make a key pair. Raises SealError when one of the files is there already, which may be somebody's only key."""
    for file in (certificate, key):
        if file.exists():
            raise SealError(f"{file} is there already. Move it away, or name another file.")
    old_mask = os.umask(0o077)
    try:
        command = ["openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", str(365 * YEARS)]
        _run([*command, "-subj", "/CN=Wetread backup", "-keyout", str(key), "-out", str(certificate)])
    finally:
        os.umask(old_mask)


def seal(plain: Path, sealed: Path, certificate: Path) -> None:
    """Encrypt a file for the certificate. Raises SealError."""
    if not certificate.exists():
        cure = "make one with “./bin/ris backup key --to FILE”, and take FILE away from this machine"
        raise SealError(f"There is no certificate {certificate} to encrypt for: {cure}.")
    command = ["openssl", "cms", "-encrypt", "-binary", "-stream", "-aes-256-gcm", "-outform", "DER"]
    _run([*command, "-in", str(plain), "-out", str(sealed), str(certificate)])


def unseal(sealed: Path, plain: Path, key: Path) -> None:
    """Decrypt a file. Raises SealError for another key, and for a file that was changed by one bit."""
    try:
        command = ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER"]
        _run([*command, "-in", str(sealed), "-inkey", str(key), "-out", str(plain)])
    except SealError:
        plain.unlink(missing_ok=True)
        raise SealError(
            f"{sealed.name} cannot be decrypted with {key}: another key, or the file was changed."
        ) from None


def sign(file: Path, certificate: Path, key: Path) -> Path:
    """Write a detached CMS signature (RFC 5652) beside the file, as ``FILE.p7s``; return it. Raises SealError."""
    signature = file.with_name(file.name + ".p7s")
    command = ["openssl", "cms", "-sign", "-binary", "-md", "sha256", "-outform", "DER", "-signer", str(certificate)]
    _run([*command, "-inkey", str(key), "-in", str(file), "-out", str(signature)])
    return signature


def check_signature(file: Path, certificate: Path) -> None:
    """Raise SealError unless ``FILE.p7s`` signs the file by this certificate."""
    signature = file.with_name(file.name + ".p7s")
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", str(signature), "-content", str(file)]
    _run([*command, "-nointern", "-noverify", "-certfile", str(certificate), "-out", os.devnull])


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  (a list of ours: no shell)
    except FileNotFoundError:
        raise SealError("The program openssl is not installed. Install it (apt install openssl).") from None
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise SealError(f"openssl {command[1]} failed: {last[0][:200]}") from None
