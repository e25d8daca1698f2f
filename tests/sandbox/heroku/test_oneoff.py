# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""One-off dynos: attached through the TLS rendezvous, and detached."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.sandbox.heroku.conftest import APP, Stand
from tests.sandbox.heroku.waiting import eventually

MARKER = "\uffff heroku-command-exit-status: "
TAIL = ' ; echo "\uffff heroku-command-exit-status: $?"'


def create(stand: Stand, command: str, **more: Any) -> dict[str, Any]:
    answer = stand.call("POST", f"/apps/{APP}/dynos", {"attach": True, "command": command, "force_no_tty": True, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def connect(stand: Stand, dyno: dict[str, Any]) -> ssl.SSLSocket:
    """A client without SNI, as the CLI is."""
    url = urlsplit(dyno["attach_url"])
    assert url.scheme == "rendezvous"
    context = ssl.create_default_context(cafile=str(stand.ca.ca_file))
    plain = socket.create_connection((url.hostname, url.port or 0), timeout=20)
    client = context.wrap_socket(plain, server_hostname=url.hostname)
    client.sendall(url.path.removeprefix("/").encode() + b"\r\n")
    return client


def read(client: ssl.SSLSocket) -> list[bytes]:
    """What came, one item for each piece that was read, until the server said good-bye in TLS."""
    pieces = []
    while piece := client.recv(65536):
        pieces.append(piece)
    client.close()
    return pieces


def run(stand: Stand, command: str, **more: Any) -> str:
    pieces = read(connect(stand, create(stand, command, **more)))
    assert pieces[0] == b"rendezvous\r\n"
    return b"".join(pieces[1:]).decode()


def test_output_and_exit_status(stand: Stand) -> None:
    dyno = create(stand, "echo out; echo err >&2; echo $GREETING $LOG_LEVEL; (exit 3)" + TAIL, env={"GREETING": "hello"})
    assert (dyno["type"], dyno["state"]) == ("run", "starting")
    assert dyno["release"]["version"] == stand.releases()[-1]["version"]
    pieces = read(connect(stand, dyno))
    assert pieces[0] == b"rendezvous\r\n"
    assert pieces[-1] == f"{MARKER}3\r\n".encode()
    assert b"".join(pieces[1:-1]) == b"out\r\nerr\r\nhello info\r\n"
    eventually(lambda: not stand.dynos())


def test_the_marker_comes_in_one_piece_after_unfinished_output(stand: Stand) -> None:
    pieces = read(connect(stand, create(stand, "printf unfinished; sleep 0.2" + TAIL)))
    assert pieces[1:] == [b"unfinished", f"{MARKER}0\r\n".encode()]


def test_standard_input_ends_with_end_of_transmission(stand: Stand) -> None:
    client = connect(stand, create(stand, "cat" + TAIL))
    time.sleep(0.1)
    client.sendall(b"typed\n\x04")
    assert b"".join(read(client)).decode() == f"rendezvous\r\ntyped\r\n{MARKER}0\r\n"


def test_much_output_arrives_whole(stand: Stand) -> None:
    output = run(stand, "seq 1 50000" + TAIL)
    assert output == "".join(f"{number}\r\n" for number in range(1, 50001)) + f"{MARKER}0\r\n"


def test_a_running_dyno_is_listed_and_can_be_stopped(running: Stand) -> None:
    running.wait_up()
    dyno = create(running, "echo begun; sleep 60" + TAIL)
    client = connect(running, dyno)
    eventually(lambda: {item["name"]: item["state"] for item in running.dynos()}[dyno["name"]] == "up")
    assert any(item["name"].endswith(dyno["name"]) for item in running.heroku.processes())
    assert running.call("POST", f"/apps/{APP}/dynos/{dyno['name']}/actions/stop").status_code == 202
    assert MARKER.encode() not in b"".join(read(client))
    eventually(lambda: dyno["name"] not in [item["name"] for item in running.dynos()])


def test_a_client_that_leaves_ends_the_dyno(stand: Stand) -> None:
    client = connect(stand, create(stand, "sleep 60"))
    eventually(lambda: stand.dynos()[0]["state"] == "up")
    client.close()
    eventually(lambda: not stand.dynos())


def test_an_attach_url_is_good_once_and_cannot_be_guessed(stand: Stand) -> None:
    dyno = create(stand, "sleep 1" + TAIL)
    first = connect(stand, dyno)
    assert first.recv(100) == b"rendezvous\r\n"
    second = threading.Thread(target=lambda: read(first))
    second.start()
    for other in (dyno, {"attach_url": dyno["attach_url"][:-1] + "x"}):
        assert read(connect(stand, other)) == []
    second.join()
    assert dyno["attach_url"].rpartition("/")[2] in stand.heroku.secrets()


def test_detached_output_goes_to_the_log(stand: Stand) -> None:
    dyno = create(stand, "echo from the job; exit 4", attach=False)
    assert dyno["attach_url"] is None
    eventually(lambda: not stand.dynos())
    lines = stand.log(dyno=dyno["name"])
    assert any(line.endswith(f"app[{dyno['name']}]: from the job") for line in lines)
    assert any(line.endswith(f"heroku[{dyno['name']}]: Process exited with status 4") for line in lines)


def test_time_to_live(stand: Stand) -> None:
    create(stand, "sleep 60", attach=False, time_to_live=1)
    assert stand.dynos()
    eventually(lambda: not stand.dynos(), 5)


@pytest.mark.parametrize("body", [{}, {"command": ""}, {"command": "true", "env": "X"}])
def test_refused(stand: Stand, body: dict[str, Any]) -> None:
    assert stand.call("POST", f"/apps/{APP}/dynos", body).status_code == 422


def test_the_archiver_job(stand: Stand) -> None:
    job = "python jobs/audit_archiver.py --dry-run" + TAIL
    assert run(stand, job) == f"audit_archiver: 1 events would be archived (dry run)\r\n{MARKER}0\r\n"
    wrong = stand.config()["AUDIT_ARCHIVER_DB_URL"].replace(":p", ":px")
    output = run(stand, job, env={"AUDIT_ARCHIVER_DB_URL": wrong})
    assert 'FATAL:  password authentication failed for user "audit_archiver"' in output
    assert output.endswith(f"{MARKER}1\r\n")
    assert wrong not in output
