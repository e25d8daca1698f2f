# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for secrets finds a planted one in every form, or its silence would prove nothing."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.leaks import CommandLines, Leaks

SECRET = "postgres://raptor_app:p4f\"r '%$ü{{x}}@db.example:5432/raptor"

FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "URL": lambda text: quote(text, safe=""),
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps({"inner": json.dumps({"url": text})}),
    "shell": shlex.quote,
    "repr": repr,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f"Basic x:{text}; and more".encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_planted_secret_is_found_in_every_form(form: str, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "job_events.json"
    file.parent.mkdir()
    file.write_text(f"before {FORMS[form](SECRET)} after", encoding="utf-8")
    assert Leaks([SECRET, "another"]).below(tmp_path) == [f"{file}: postgres://r..."]


def test_a_planted_secret_is_found_in_a_name_and_not_where_it_is_excepted(tmp_path: Path) -> None:
    file = tmp_path / "token-s3cr3t-value"
    file.touch()
    assert Leaks(["s3cr3t-value"]).below(tmp_path)
    assert not Leaks(["s3cr3t-value"]).below(tmp_path, but=[file])


@given(before=st.binary(max_size=5), secret=st.text(st.characters(codec="ascii"), min_size=11), after=st.binary(max_size=5))
def test_base64_is_found_whatever_surrounds_the_secret(before: bytes, secret: str, after: bytes) -> None:
    assert Leaks([secret]).in_bytes(base64.b64encode(before + secret.encode() + after))


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "stdout").write_text(base64.b64encode(SECRET[:-9].encode()).decode() + SECRET[1:], encoding="utf-8")
    assert not Leaks([SECRET]).below(tmp_path)


def test_a_planted_secret_in_an_argument_list_is_found() -> None:
    with CommandLines() as lines, subprocess.Popen([sys.executable, "-c", "input()", SECRET], stdin=subprocess.PIPE) as process:
        deadline = time.monotonic() + 10
        while not any(SECRET.encode() in line for line in lines.seen) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
    assert Leaks([SECRET]).in_bytes(b"\n".join(lines.seen))
