# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test and galaxy-importer on an export of the collection: C(make sanity)."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.checks.environments import environment, home, interpreter
from tests.export import built, export

OURS = Path(sys.executable).parent
NEWEST_PYTHONS = ("3.13", "3.14", "3.12")
# ansible-test makes its environments without pip and would fetch a script for that from a host of its own; here ensurepip
# does it. As a child, because it makes pip forget its configuration for the rest of the process.
BOOTSTRAP = """\
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip"])
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *wanted]))
"""
# What ansible-test cannot run in its copy, and why. `make unit` runs all of them.
NOT_IN_A_COPY = {
    "layout": "is about the links below collections/, which a copy does not have",
    "module_contract": "has ansible-doc and another interpreter find the collection through those links",
    "smoke_suite": "has another interpreter find the collection through those links",
}


class Checks:
    def __init__(self) -> None:
        self.home = home("home")
        self.failed: list[str] = []

    def run(self, title: str, programs: Path, command: list[str], place: Path, unwanted: str) -> str:
        """Runs a check, which fails with its exit status or with an unwanted text in its output."""
        path = os.pathsep.join(dict.fromkeys([str(programs), str(OURS), os.environ["PATH"]]))
        variables = {"HOME": str(self.home), "PATH": path, "LC_ALL": "C.UTF-8"}
        begun = time.monotonic()
        done = subprocess.run(
            [str(programs / command[0]), *command[1:]],
            cwd=place,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        good = done.returncode == 0 and not re.search(unwanted, done.stdout, re.MULTILINE)
        print(f"{'passed' if good else 'FAILED'}  {time.monotonic() - begun:5.0f} s  {title}", flush=True)  # noqa: T201
        if not good:
            self.failed.append(title)
            print(done.stdout, flush=True)  # noqa: T201
        return done.stdout

    def ansible_test(self, title: str, programs: Path, *arguments: str, root: Path) -> str:
        # A program that is missing would let its test pass in silence.
        unwanted = r"^WARNING: (Required program|Skipping|Unable)|No tests applicable"
        return self.run(title, programs, ["ansible-test", *arguments, "--color", "no"], root, unwanted)


def bootstrap(place: Path, python: Path) -> None:
    """Lays the stand-in where ansible-test looks for the script, under the name that its version asks for."""
    program = "import ansible_test, pathlib; print(pathlib.Path(ansible_test.__path__[0]))"
    found = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    sources = "".join(file.read_text(encoding="utf-8") for file in Path(found).glob("_internal/**/*.py"))
    cache = place / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in set(re.findall(r"pip\W+(\d+\.\d+(?:\.\d+)?)['\"]", sources)):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(BOOTSTRAP, encoding="utf-8")


def sanity(checks: Checks, programs: Path, root: Path) -> None:
    python = programs / "python"
    version = subprocess.run(
        [python, "-c", "import sys, ansible.release as r; print(r.__version__, '%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    bootstrap(checks.home, python)
    title = f"ansible-test sanity, ansible-core {version[0]}, Python {version[1]}"
    checks.ansible_test(title, programs, "sanity", "--local", "--python", version[1], root=root)


def units(root: Path) -> list[str]:
    """The files of unit tests that ansible-test runs."""
    left_out = {f"test_{name}.py" for name in NOT_IN_A_COPY}
    files = sorted(file.name for file in (root / "tests" / "unit").glob("test_*.py"))
    return [f"tests/unit/{name}" for name in files if name not in left_out]


def main() -> int:
    checks = Checks()
    # Outside the checkout: below it ansible-test asks the checkout's git for the files, and would see none.
    with tempfile.TemporaryDirectory(prefix="raxx-sanity-") as place:
        run_all(checks, Path(place))
    for title in checks.failed:
        print(f"FAILED  {title}")  # noqa: T201
    return 1 if checks.failed else 0


def run_all(checks: Checks, place: Path) -> None:
    root = export(place / "collection")
    seen = checks.ansible_test("ansible-test sees the collection", OURS, "env", "--list-files", root=root)
    if "plugins/modules/ssm_secret.py" not in seen:
        checks.failed.append("ansible-test sees no module of the collection, so it would test nothing")
        return
    sanity(checks, OURS, root)
    newest = next(filter(None, map(interpreter, NEWEST_PYTHONS)), None)
    if newest is None:
        print(f"not run         no Python of {', '.join(NEWEST_PYTHONS)} for the newest ansible-core")  # noqa: T201
    else:
        sanity(checks, environment("newest", newest), root)
    local = ("--local", "--python", f"{sys.version_info[0]}.{sys.version_info[1]}")
    checks.ansible_test("ansible-test units", OURS, "units", *local, *units(root), root=root)
    checks.ansible_test("ansible-test integration", OURS, "integration", *local, root=root)
    archive = built(place / "archive")
    importer = ["python", "-m", "galaxy_importer.main", str(archive)]
    checks.run("galaxy-importer", environment("importer"), importer, archive.parent, r"^(ERROR|WARNING)")


if __name__ == "__main__":
    assert importlib.util.find_spec("ansible_test"), "make setup"
    sys.exit(main())
