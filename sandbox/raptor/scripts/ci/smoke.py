# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The checks of the smoke suite. usage: python smoke.py ENVIRONMENT URL"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request

# Often enough that each of the web processes gets its turn.
ROUNDS = 2
TIMEOUT_SECONDS = 30
WRITE = {"operator_email": "smoke@raxx.example", "notes": "smoke", "dry_run": True}
CHECKS: list[tuple[str, str, dict[str, object] | None, int]] = [
    ("the app answers", "/healthz", None, 200),
    ("reading audit events", "/audit/events", None, 200),
    ("writing an audit run (rolled back)", "/audit/runs", WRITE, 201),
]


def call(url: str, body: dict[str, object] | None) -> tuple[int, str]:
    """Status and text of the answer; status 0 if there was none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, f"no answer: {error}"


def explain(text: str) -> str:
    """What a failing answer says, on one line."""
    try:
        problem = json.loads(text)
        return f"{problem['error']}: {problem['detail']}"
    except (ValueError, TypeError, KeyError):
        return " ".join(text.split())[:200]


def main() -> int:
    environment, base = sys.argv[1], sys.argv[2].rstrip("/")
    failed = 0
    for number in range(1, ROUNDS + 1):
        for name, path, body, wanted in CHECKS:
            status, text = call(base + path, body)
            if status == wanted:
                print(f"ok   [{environment} {number}/{ROUNDS}] {name}")
            else:
                failed += 1
                print(f"FAIL [{environment} {number}/{ROUNDS}] {name}: status {status}, {explain(text)}")
    print(f"smoke: {failed} of {ROUNDS * len(CHECKS)} checks failed" if failed else "smoke: all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
