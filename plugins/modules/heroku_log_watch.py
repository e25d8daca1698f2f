#!/usr/bin/python
# Copyright (c) 2026 Raxx
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: heroku_log_watch
short_description: Watch a Heroku app's log for refused database logins
version_added: 0.1.0
description:
  - Reads an app's log over a window of time and fails if PostgreSQL refused the login of one of the given roles in it.
  - A missing right (C(permission denied)) is not an authentication failure. It is a failure of its own with the code
    V(grant_drift).
  - Silence is not success. If the log could not be seen for the whole window, or shows no line at all, the module fails with the
    code V(log_inconclusive). A stream that is cut is opened anew, and lines that then come again are counted once.
  - If the window lies in the past, its lines are read from Heroku's buffer at once; otherwise the module waits for its end.
author:
  - Raxx platform team (@raxx)
extends_documentation_fragment:
  - raxx.deprovision.attributes
  - raxx.deprovision.attributes.read_only
  - raxx.deprovision.heroku
attributes:
  action_group:
    membership: [raxx.deprovision.heroku]
options:
  app:
    description: Name of the app.
    type: str
    required: true
  roles:
    description:
      - Database roles whose refused logins count. Refused logins of other roles are left out of account; one that names no role
        counts.
    type: list
    elements: str
    required: true
  since:
    description:
      - Begin of the window (RFC 3339), usually when the app was restarted with the new credential.
      - Without it the window begins now.
    type: str
  window:
    description: Length of the window in seconds.
    type: int
    default: 600
  quiet_wait:
    description:
      - How many seconds at most the window is made longer while there is no request in it, for an app that nobody uses proves
        little.
    type: int
    default: 0
  expected_refusals:
    description:
      - For each role how many refused logins at most are probes of our own. They are only expected from the database's own log
        (C(app[postgres.123])); from a dyno every refused login is a failure.
    type: dict
    default: {}
  expected_denials:
    description: How many missing rights at most, reported by the database's own log, are probes of our own.
    type: int
    default: 0
  lines:
    description: How many lines of Heroku's buffer to begin with. Heroku keeps 1500, and more are not asked for.
    type: int
    default: 1500
"""

EXAMPLES = r"""
- name: See that the app works on the new credential for ten minutes after its restart
  raxx.deprovision.heroku_log_watch:
    app: raxx-api-prod
    roles: [raptor_app, raptor_app-rotating]
    since: "{{ new_config.restarted_at }}"
    window: 600
    expected_refusals:
      raptor_app: 2

- name: Look at the last minute only
  raxx.deprovision.heroku_log_watch:
    app: raxx-api-prod
    roles: [raptor_app]
    since: "2026-05-19T10:11:12Z"
    window: 60
  check_mode: true
"""

RETURN = r"""
since:
  description: Begin of the window (RFC 3339, UTC).
  returned: success
  type: str
  sample: "2026-05-19T10:11:12.000000Z"
until:
  description: End of the window.
  returned: success
  type: str
  sample: "2026-05-19T10:21:12.000000Z"
verdict:
  description: What the window shows. Every other word is a failure.
  returned: success
  type: str
  sample: clean
first:
  description: Time stamp of the first line in the window (RFC 3339, UTC).
  returned: success
  type: str
  sample: "2026-05-19T10:11:12.345678Z"
last:
  description: Time stamp of the last line in the window (RFC 3339, UTC).
  returned: success
  type: str
  sample: "2026-05-19T10:21:11.987654Z"
lines:
  description: Number of lines in the window.
  returned: success
  type: int
  sample: 812
requests:
  description: Number of requests that Heroku's router reported as answered (with a status below 500).
  returned: success
  type: int
  sample: 240
authentication_failures:
  description: Refused logins that are not our own probes; empty if the module succeeds. In a failure they are in its details.
  returned: success
  type: list
  elements: dict
  sample: []
permission_errors:
  description: Missing rights that are not our own probes; empty if the module succeeds. In a failure they are in its details.
  returned: success
  type: list
  elements: dict
  sample: []
own_refusals:
  description: Number of refused logins that are our own probes.
  returned: success
  type: int
  sample: 2
own_denials:
  description: Number of missing rights that are our own probes.
  returned: success
  type: int
  sample: 0
"""

from datetime import datetime, timedelta

from ansible_collections.raxx.deprovision.plugins.module_utils import _log_lines
from ansible_collections.raxx.deprovision.plugins.module_utils._errors import DeprovisionError
from ansible_collections.raxx.deprovision.plugins.module_utils._heroku import SYSTEM, HerokuClient
from ansible_collections.raxx.deprovision.plugins.module_utils._log_lines import LogLine, LogWindow, judge
from ansible_collections.raxx.deprovision.plugins.module_utils._log_stream import watch
from ansible_collections.raxx.deprovision.plugins.module_utils._module import Params, Result, Spec, run_module
from ansible_collections.raxx.deprovision.plugins.module_utils._options import HEROKU
from ansible_collections.raxx.deprovision.plugins.module_utils._times import format_time, now, parse

SPEC = HEROKU + Spec(
    options={
        "app": {"type": "str", "required": True},
        "roles": {"type": "list", "elements": "str", "required": True},
        "since": {"type": "str"},
        "window": {"type": "int", "default": 600},
        "quiet_wait": {"type": "int", "default": 0},
        "expected_refusals": {"type": "dict", "default": {}},
        "expected_denials": {"type": "int", "default": 0},
        "lines": {"type": "int", "default": 1500},
    }
)
BUFFER = 1500  # lines that Heroku keeps
SHOWN = 20  # entries of each kind in the details of a failure
FIRST_QUIET_STEP = timedelta(seconds=1)


def run(params: Params, check_mode: bool) -> Result:
    since = parse(params["since"], "since") if params["since"] else now()
    until = since + timedelta(seconds=params["window"])
    expected = _counts(params["expected_refusals"] or {})
    if params["lines"] < 1 or params["window"] < 0 or params["quiet_wait"] < 0:
        raise DeprovisionError("invalid_input", "lines must be at least 1, window and quiet_wait not below 0.")
    client = HerokuClient.from_params(params)

    def look(until: datetime) -> LogWindow:
        view = watch(client, params["app"], roles=params["roles"], since=since, until=until, buffer=min(params["lines"], BUFFER))
        return judge(
            view.lines,
            since,
            until,
            expected_refusals=expected,
            expected_denials=params["expected_denials"],
            gaps=view.gaps,
        )

    window = look(until)
    limit = until + timedelta(seconds=params["quiet_wait"])
    step = FIRST_QUIET_STEP
    while window.quiet and until < limit:
        until = min(max(until, now()) + step, limit)
        window = look(until)
        step *= 2
    if window.verdict != _log_lines.CLEAN:
        raise _failure(params["app"], window)
    return {"changed": False, "since": format_time(since), "until": format_time(until), **_facts(window)}


def _counts(given: Params) -> dict[str, int]:
    try:
        return {str(role): int(count) for role, count in given.items()}
    except (TypeError, ValueError):
        raise DeprovisionError("invalid_input", "expected_refusals must give a whole number for each role.") from None


def _failure(app: str, window: LogWindow) -> DeprovisionError:
    if window.verdict == _log_lines.AUTHENTICATION_FAILURE:
        first = window.authentication_failures[0]
        code, what = (
            "log_authentication_failure",
            f"shows {len(window.authentication_failures)} refused database login(s), the first from {first.source}",
        )
    elif window.verdict == _log_lines.PERMISSION_ERROR:
        first = window.permission_errors[0]
        code, what = (
            "grant_drift",
            f"shows {len(window.permission_errors)} missing right(s), the first from {first.source}; no refused login",
        )
    else:
        code, what = "log_inconclusive", f"proves nothing: {'; '.join(window.gaps) or 'there is no line in the window'}"
    return DeprovisionError(code, f"The log of app {app} {what}.", system=SYSTEM, details=_facts(window))


def _facts(window: LogWindow) -> Result:
    return {
        "verdict": window.verdict,
        "first": window.first and format_time(window.first),
        "last": window.last and format_time(window.last),
        "lines": window.lines,
        "requests": window.requests,
        "authentication_failures": [_describe(line) for line in window.authentication_failures[:SHOWN]],
        "permission_errors": [_describe(line) for line in window.permission_errors[:SHOWN]],
        "own_refusals": window.own_refusals,
        "own_denials": window.own_denials,
    }


def _describe(line: LogLine) -> dict[str, str]:
    """A line in a result, without its text."""
    return {"at": format_time(line.at), "source": line.source, "role": line.role}


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
