# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""In-toto statements over the digests of files, in DSSE envelopes, signed with Ed25519 where there is a key."""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from pathlib import Path

from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._verify_evidence import (
    PAYLOAD_TYPE,
    STATEMENT_TYPE,
    canonical,
    digest,
)

try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
except ImportError:  # it is needed only where a key is configured
    load_pem_private_key = None  # type: ignore[assignment]

Value = t.Dict[str, t.Any]


class SigningKey:
    """An Ed25519 key. C(keyid) is the SHA-256 of the public key in DER (SubjectPublicKeyInfo)."""

    def __init__(self, key: t.Any) -> None:
        self._key = key
        self.keyid = hashlib.sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

    @classmethod
    def from_file(cls, path: str) -> SigningKey:
        """From an unencrypted PEM file. Raises C(signing_key_unusable)."""
        if load_pem_private_key is None:
            raise DeprovisionError("library_missing", "Evidence can be signed only with the Python library cryptography.")
        try:
            key = load_pem_private_key(Path(path).read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            # The text of the error could quote the file.
            reason = type(error).__name__
            raise DeprovisionError("signing_key_unusable", f"The signing key {path} cannot be read ({reason}).") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise DeprovisionError("signing_key_unusable", f"The signing key {path} is not an Ed25519 key.")
        return cls(key)

    def sign(self, data: bytes) -> bytes:
        return t.cast(bytes, self._key.sign(data))


def signing_key(path: str | None) -> SigningKey | None:
    """The key that is configured, if one is."""
    return SigningKey.from_file(path) if path else None


def statement(predicate_type: str, predicate: Value, files: t.Mapping[str, bytes]) -> Value:
    """An in-toto statement that C(predicate) holds for C(files)."""
    subject = [{"name": name, "digest": {"sha256": digest(content)}} for name, content in sorted(files.items())]
    return {"_type": STATEMENT_TYPE, "subject": subject, "predicateType": predicate_type, "predicate": predicate}


def envelope(content: Value, key: SigningKey | None) -> Value:
    """C(content) in a DSSE envelope. Without a key it has no signature, and says nothing about who made it."""
    payload = canonical(content)
    signatures = [{"keyid": key.keyid, "sig": _text(key.sign(to_be_signed(payload)))}] if key else []
    return {"payloadType": PAYLOAD_TYPE, "payload": _text(payload), "signatures": signatures}


def to_be_signed(payload: bytes) -> bytes:
    """The pre-authentication encoding of DSSE."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def kept_signature(wanted: Value, present: bytes | None, keyid: str | None) -> Value:
    """C(wanted), with the signatures that are there already for the same statement: this machine may not have the key."""
    if wanted["signatures"] or _read(present).get("payload") != wanted["payload"]:
        return wanted
    return {**wanted, "signatures": signatures_of(present, keyid)}


def signatures_of(present: bytes | None, keyid: str | None) -> t.List[Value]:
    """The signatures of an envelope that name the key C(keyid). They are not verified, for that takes the public key."""
    found = _read(present).get("signatures")
    items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return [item for item in items if keyid and item.get("keyid") == keyid and isinstance(item.get("sig"), str)]


def predicate_of(present: bytes | None) -> Value:
    """The predicate of a statement in an envelope; empty if it is none."""
    try:
        found = json.loads(base64.b64decode(_read(present)["payload"]))["predicate"]
    except (ValueError, TypeError, KeyError):
        return {}
    return found if isinstance(found, dict) else {}


def _read(present: bytes | None) -> Value:
    try:
        found = json.loads(present or b"")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
