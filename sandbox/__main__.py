# SPDX-FileCopyrightText: 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
"""The sandbox's command line."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from sandbox.faults import KINDS
from sandbox.state import POLL_SECONDS, Control, StateDirectory

ROOT = Path(__file__).resolve().parent.parent
UP_SECONDS = 60.0
DOWN_SECONDS = 20.0
SYSTEMS = ("heroku", "infisical", "freescout", "aws")
FAULTY = (*SYSTEMS, "postgres")


class CommandError(Exception):
    """Why a command cannot be carried out, in one line for the user."""


def up(state: StateDirectory, options: argparse.Namespace) -> None:
    if state.control() is not None:
        print(f"The sandbox in {state.path} is up already.")
    else:
        state.make()
        lock = state.hold()
        # Without the lock somebody else is bringing it up.
        if lock is not None:
            state.clear()
            launch(state, lock, options.seed)
    print(summary(ask(wait_for_control(state), "GET", "/status")))


def status(state: StateDirectory, options: argparse.Namespace) -> None:
    found = ask(running(state), "GET", "/status")
    print(json.dumps(found, indent=2, sort_keys=True) if options.json else summary(found))


def env(state: StateDirectory, options: argparse.Namespace) -> None:
    found = environment(ask(running(state), "GET", "/status"))
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"export {name}={shlex.quote(value)}")


def fault(state: StateDirectory, options: argparse.Namespace) -> None:
    control = running(state)
    if options.action == "set":
        wanted = {
            name: getattr(options, name) for name in ("system", "method", "path", "kind", "times", "seconds", "skip", "after")
        }
        faults = ask(control, "POST", "/faults", wanted)
    else:
        faults = ask(control, "DELETE" if options.action == "clear" else "GET", "/faults")
    for entry in faults:
        times = "always" if entry["times"] is None else f"{entry['times']} times"
        print(f"{entry['system']} {entry['method']} {entry['path']} {entry['kind']} ({times})")
    if not faults:
        print("No faults are set.")


def calls(state: StateDirectory, _options: argparse.Namespace) -> None:
    for call in ask(running(state), "GET", "/calls"):
        at = datetime.fromtimestamp(call["at"], UTC).strftime("%H:%M:%S.%f")
        struck = f"  [{call['struck']}]" if call["struck"] else ""
        print(f"{at} {'write' if call['writes'] else 'read '} {call['system']} {call['method']} {call['path']}{struck}")


def dump(state: StateDirectory, _options: argparse.Namespace) -> None:
    print(json.dumps(ask(running(state), "GET", "/dump"), indent=1, sort_keys=True, ensure_ascii=False))


def down(state: StateDirectory, _options: argparse.Namespace) -> None:
    if (control := state.control()) is not None:
        os.kill(control.pid, signal.SIGTERM)
        if not state.wait_until_free(DOWN_SECONDS):
            os.kill(control.pid, signal.SIGKILL)
            state.wait_until_free(DOWN_SECONDS)
    elif state.held():
        raise CommandError(f"the sandbox in {state.path} is still coming up; try again in a moment")
    existed = state.log.exists()
    state.remove()
    print(f"The sandbox in {state.path} is down." if existed else f"There is no sandbox in {state.path}.")


def launch(state: StateDirectory, lock: int, seed: Path | None) -> None:
    """Start the supervisor, which takes the lock over."""
    command = [sys.executable, "-m", "sandbox.supervisor", str(state.path), str(lock)]
    with state.log.open("wb") as log:
        subprocess.Popen(
            [*command, *([str(seed.resolve())] if seed else [])],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[lock],
        )
    os.close(lock)


def wait_for_control(state: StateDirectory) -> Control:
    """The control of a sandbox that is up, or that is being brought up."""
    deadline = time.monotonic() + UP_SECONDS
    while (control := state.control()) is None:
        if not state.held():
            words = state.log.read_text(encoding="utf-8", errors="replace").strip() if state.log.exists() else ""
            state.remove()
            raise CommandError(f"the sandbox did not come up:\n{words}")
        if time.monotonic() > deadline:
            raise CommandError(f"the sandbox does not come up, see {state.log}")
        time.sleep(POLL_SECONDS)
    return control


def running(state: StateDirectory) -> Control:
    control = state.control()
    if control is None:
        raise CommandError(f"the sandbox in {state.path} is not up; bring it up with: python -m sandbox up")
    return control


def ask(control: Control, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {control.token}"}
    with requests.Session() as session:
        # A proxy of the user's must not get to see what is local.
        session.trust_env = False
        answer = session.request(method, control.url + path, headers=headers, json=body, timeout=60)
    if not answer.ok:
        raise CommandError(answer.text)
    return answer.json()


def environment(found: dict[str, Any]) -> dict[str, str]:
    """The environment in which the playbooks, the real heroku CLI, aws and psql work with this sandbox."""
    heroku, infisical, freescout, aws = (found[name] for name in SYSTEMS)
    return {
        "HEROKU_API_URL": heroku["api_url"],
        "HEROKU_DATA_URL": heroku["data_url"],
        "HEROKU_API_KEY": heroku["token"],
        "HEROKU_CA_PATH": heroku["ca_file"],
        "HEROKU_HOST": heroku["api_url"],
        # The CLI takes scheme and port from HEROKU_HOST and wants a bare name here.
        "HEROKU_DATA_HOST": "localhost",
        "HEROKU_PARTICLEBOARD_URL": heroku["api_url"],
        "NODE_EXTRA_CA_CERTS": heroku["ca_file"],
        "DISABLE_TELEMETRY": "true",
        "HEROKU_DISABLE_AUTOUPDATE": "1",
        "HEROKU_SKIP_NEW_VERSION_CHECK": "1",
        "INFISICAL_URL": infisical["url"],
        "INFISICAL_TOKEN": infisical["token"],
        "INFISICAL_WORKSPACE_ID": infisical["workspace_id"],
        "FREESCOUT_URL": freescout["url"],
        "FREESCOUT_API_KEY": freescout["api_key"],
        "FREESCOUT_MAILBOX_ID": str(freescout["mailbox_id"]),
        "FREESCOUT_USER_ID": str(freescout["user_id"]),
        "AWS_ENDPOINT_URL": aws["endpoint_url"],
        "AWS_ACCESS_KEY_ID": aws["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": aws["secret_access_key"],
        "AWS_DEFAULT_REGION": aws["region"],
        "RAPTOR_URL": found["raptor"]["url"],
        "RAXX_SANDBOX_STATE": found["state_dir"],
    }


def summary(found: dict[str, Any]) -> str:
    places = [
        ("Heroku", found["heroku"]["api_url"]),
        ("Infisical", found["infisical"]["url"]),
        ("FreeScout", found["freescout"]["url"]),
        ("AWS (SSM, STS)", found["aws"]["endpoint_url"]),
        ("Raptor", found["raptor"]["url"]),
        ("PostgreSQL", found["databases"]["console"].rpartition("@")[2].partition("/")[0]),
    ]
    leaver = found["people"]["leaver"]
    state = shlex.quote(found["state_dir"])
    python = shlex.quote(str(Path(sys.executable)))
    return "\n".join(
        [
            "The sandbox is up:",
            *(f"  {name:<15} {place}" for name, place in places),
            f"State is in {found['state_dir']}. The seeded leaver is {leaver}. Next:",
            f'  eval "$({python} -m sandbox env --state-dir {state})"',
            f"  ansible-playbook deprovision.yml -e email={leaver}",
        ]
    )


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A local world for the playbooks.")
    common = argparse.ArgumentParser(add_help=False)
    default = Path(os.environ.get("RAXX_SANDBOX_STATE") or ".sandbox")
    # Without a default here, because that of an inner command would replace what was given to an outer one.
    common.add_argument("--state-dir", type=Path, default=argparse.SUPPRESS, metavar="DIR", help=f"default: {default}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[StateDirectory, argparse.Namespace], None], words: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, parents=[common], help=words, description=words)
        command.set_defaults(run=run)
        return command

    add("up", up, "bring the sandbox up").add_argument("--seed", type=Path, metavar="FILE", help="laid over the default seed")
    add("status", status, "show where everything is").add_argument("--json", action="store_true", help="with all secrets")
    add("env", env, "print export lines for a shell").add_argument("--json", action="store_true", help="print JSON instead")
    add("calls", calls, "print the latest requests that reached the systems")
    add("dump", dump, "print everything that the systems hold, as canonical JSON")
    add("down", down, "take the sandbox down and remove its state")
    actions = add("fault", fault, "make a system fail on demand").add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser("set", parents=[common], help="add a fault; the first one that meets a request strikes")
    new.add_argument("system", choices=FAULTY)
    new.add_argument("method", help="GET, POST, ... or ANY")
    where = "searched for in the path; for aws in the operation and its parameter, for postgres in the statement"
    new.add_argument("path", metavar="PATH-REGEX", help=where)
    new.add_argument("kind", choices=KINDS)
    new.add_argument("--times", type=int, help="how often it strikes; default: until cleared")
    new.add_argument("--skip", type=int, default=0, help="how many requests it lets through before")
    new.add_argument("--after", metavar="REGEX", help="wait until the system has got a request in which this is found")
    new.add_argument("--seconds", type=float, default=1.0, help="how long a stall lasts")
    actions.add_parser("list", parents=[common], help="show the faults that are set")
    actions.add_parser("clear", parents=[common], help="remove all faults")
    return parser.parse_args(arguments, argparse.Namespace(state_dir=default))


def main() -> int:
    options = parse()
    try:
        options.run(StateDirectory(options.state_dir.expanduser().resolve()), options)
    except (CommandError, OSError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
