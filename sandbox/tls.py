# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The sandbox's own certificate authority."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class CertificateAuthority:
    """A fresh authority and one server certificate, valid for 127.0.0.1 and localhost.

    `ca_file` is the PEM that clients trust.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = trustme.CA(organization_name="Raxx sandbox")
        self._leaf = authority.issue_cert("127.0.0.1", "localhost")
        self.ca_file = directory / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))

    def server_context(self) -> ssl.SSLContext:
        """A context for a TLS server; the certificate is its only and thus its default one."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._leaf.configure_cert(context)
        return context
