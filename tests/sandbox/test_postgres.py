# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The PostgreSQL of the sandbox: TLS, passwords, sessions, log lines, and nothing left when it stops."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from sandbox.postgres import Postgres, _binary
from sandbox.tls import CertificateAuthority


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, ca: CertificateAuthority) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("state"), ca)
    server.start()
    with server.admin("postgres") as link, link.cursor() as cursor:
        cursor.execute("CREATE ROLE rose LOGIN PASSWORD 'p@ss/w:rd'")
    link.close()
    yield server
    server.stop()
    assert not subprocess.run(["pgrep", "-P", str(server.pid)], capture_output=True, check=False).stdout


def test_tls_is_verifiable_and_the_url_is_percent_encoded(server: Postgres, ca: CertificateAuthority) -> None:
    url = server.url("rose", "p@ss/w:rd", "postgres")
    assert url.startswith("postgres://rose:p%40ss%2Fw%3Ard@127.0.0.1:")
    link = psycopg2.connect(url, sslmode="verify-full", sslrootcert=str(ca.ca_file))
    assert link.info.ssl_in_use
    with link.cursor() as cursor:
        cursor.execute("SELECT current_user, repeat('x', 300000)")
        user, text = cursor.fetchone() or ("", "")
    assert (user, len(text)) == ("rose", 300000)
    link.close()


def test_a_login_without_tls_is_refused_except_for_the_superuser(server: Postgres) -> None:
    with pytest.raises(psycopg2.OperationalError, match=r'no pg_hba.conf entry .* user "rose", .* no encryption'):
        psycopg2.connect(server.url("rose", "p@ss/w:rd", "postgres"), sslmode="disable")
    psycopg2.connect(server.superuser_url("postgres"), sslmode="disable").close()


def test_a_wrong_password_fails_and_is_in_the_log_with_user_and_sqlstate(server: Postgres) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(server.url("rose", "wrong", "postgres"), sslmode="require")
    wanted = 'user=rose sql_error_code = 28P01 FATAL:  password authentication failed for user "rose"'
    assert wanted in server.log_file.read_text(encoding="utf-8")


def test_an_ended_session_hears_of_it_through_the_gate(server: Postgres) -> None:
    victim = psycopg2.connect(server.url("rose", "p@ss/w:rd", "postgres"), sslmode="require")
    admin = server.admin("postgres")
    with admin.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", (victim.info.backend_pid,))
    admin.close()
    with pytest.raises(psycopg2.OperationalError), victim.cursor() as cursor:
        cursor.execute("SELECT 1")
    victim.close()


def test_a_closed_client_leaves_no_session_behind(server: Postgres) -> None:
    with ThreadPoolExecutor(8) as pool:
        links = list(
            pool.map(lambda _: psycopg2.connect(server.url("rose", "p@ss/w:rd", "postgres"), sslmode="require"), range(8))
        )
    for link in links:
        link.close()
    admin = server.admin("postgres")
    deadline = time.monotonic() + 5
    with admin.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'rose'")
            if cursor.fetchone() == (0,):
                break
            time.sleep(0.05)
        else:
            pytest.fail("sessions of closed clients remain")
    admin.close()


def test_a_statement_can_be_cancelled(server: Postgres) -> None:
    # In a process of its own: psycopg2's cancel() keeps the interpreter lock that the gate would need here.
    psql = [str(_binary("psql")), server.superuser_url("postgres"), "-c", "SELECT pg_sleep(30)"]
    process = subprocess.Popen(psql, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.4)
    process.send_signal(signal.SIGINT)
    assert "canceling statement due to user request" in process.communicate(timeout=5)[1]
