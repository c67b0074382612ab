"""Signs papers of the bureau: PAdES with its own PKCS#12, or with a key and certificate made once in the data folder."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter

OWN_FILE = "thread-signer.p12"
_VALID_FOR = timedelta(days=30 * 365)
_FIELD = "Signature"


class SigningError(RuntimeError):
    """There is no key to sign with. ``str(error)`` is Simplified Chinese and says what to do."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the key lies: ``pkcs12`` with its ``passphrase`` if the bureau has one, else one made in ``folder``.

    ``bureau`` is the name on the certificate that is made.
    """

    folder: Path
    bureau: str
    pkcs12: Path | None = None
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Seal:
    """A key ready to sign; ``fingerprint`` is the SHA-256 of its certificate in hex, ``subject`` whose it is."""

    signer: signers.SimpleSigner = field(repr=False)
    fingerprint: str
    subject: str


def seal(keys: Keys, now: datetime) -> Seal:
    """Load the key, making it first where there is none yet; takes up to a second then, off the event loop.

    ``now``: aware; the certificate that is made is valid from the day before.

    Raises:
        SigningError: the file cannot be read, is open to others, or its passphrase is wrong.
    """
    path = keys.pkcs12
    try:
        if path is None:
            path = keys.folder / OWN_FILE
            if not path.exists():
                _make(path, keys.bureau, now)
            if path.stat().st_mode & 0o077:
                raise SigningError(
                    f"签章密钥 {path.name} 对其他用户可读，请先执行 chmod 600，再检查是否泄露。"
                )
        content = path.read_bytes()
    except OSError as error:
        raise SigningError(f"签章密钥 {path} 读不了：{error.strerror}。") from None
    passphrase = keys.passphrase.encode() if keys.pkcs12 is not None and keys.passphrase else None
    try:
        signer = signers.SimpleSigner.load_pkcs12_data(content, (), passphrase)
    except ValueError:
        raise SigningError(f"签章密钥 {path.name} 打不开：文件损坏或口令不对。") from None
    certificate = signer.signing_cert
    if certificate is None:
        raise SigningError(f"签章密钥 {path.name} 里没有证书。")
    name = certificate.subject.native
    parts = [name[key] for key in ("organization_name", "common_name") if isinstance(name.get(key), str)]
    return Seal(signer, certificate.sha256.hex(), " ".join(parts) or certificate.subject.human_friendly)


async def sign(pdf: bytes, by: Seal, reason: str) -> bytes:
    """``pdf`` with a signature over all of it (PAdES B-B, SHA-256) that forbids every later change."""
    meta = signers.PdfSignatureMetadata(
        field_name=_FIELD,
        md_algorithm="sha256",
        reason=reason,
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    signed: io.BytesIO = await signers.PdfSigner(meta, by.signer).async_sign_pdf(writer)
    return signed.getvalue()


def _make(path: Path, bureau: str, now: datetime) -> None:
    """Write a new key, readable for this user alone. Of several processes at once, the first one's is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, bureau[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, "税铃沟通记录签章"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=True,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    content = pkcs12.serialize_key_and_certificates(b"shuiling", key, certificate, None, NoEncryption())
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        # A link fails where the name is taken: whoever comes second takes the first one's key.
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
