# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as its users have it: installed from its archive, run from an empty directory with an inventory of their own."""

from __future__ import annotations

import json
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest

from tests.e2e.world import LEAVER, ROOT, Sandbox, clean_environment, login_state
from tests.export import COLLECTION, built


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with C(ansible_collections) in it."""
    place = tmp_path_factory.mktemp("installed")
    archive = built(place)
    command = ["ansible-galaxy", "collection", "install", "--offline", "-p", str(place / "collections"), str(archive)]
    subprocess.run(command, cwd=place, env=clean_environment(place / "home"), capture_output=True, text=True, check=True)
    return place / "collections"


def run(sandbox: Sandbox, installed: Path, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the installed playbook in the empty directory C(place)."""
    inventory = place.parent / "inventory"
    shutil.copytree(ROOT / "inventories" / "sandbox", inventory, dirs_exist_ok=True)
    environment = {
        **sandbox.environment,
        **clean_environment(place.parent / "home"),
        "ANSIBLE_COLLECTIONS_PATH": str(installed),
        "ANSIBLE_CALLBACKS_ENABLED": "raxx.deprovision.verdict",
    }
    command = ["ansible-playbook", "raxx.deprovision.deprovision", "-i", str(inventory / "hosts.yml"), *arguments]
    # Their inventory says where their checkout of Raptor is.
    given = ["-e", f"raptor_checkout={ROOT / 'sandbox' / 'raptor'}"]
    return subprocess.run(
        [*command, *given], cwd=place, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.fixture(scope="module")
def ended(sandbox: Sandbox, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, t.Any, str]:
    place = tmp_path_factory.mktemp("user") / "empty"
    place.mkdir()
    old = sandbox.config()["RAPTOR_APP_DATABASE_URL"]
    return place, run(sandbox, installed, place, "-e", f"email={LEAVER}"), old


def test_the_installed_collection_is_whole(installed: Path, tmp_path: Path) -> None:
    command = ["ansible-galaxy", "collection", "verify", "--offline", "-p", str(installed), "raxx.deprovision"]
    environment = {**clean_environment(tmp_path / "home"), "ANSIBLE_COLLECTIONS_PATH": str(installed)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (installed / COLLECTION / "collections").exists()


def test_a_run_of_the_installed_collection_is_complete(ended: tuple[Path, t.Any, str], sandbox: Sandbox) -> None:
    """C1 to C6."""
    place, done, old = ended
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().splitlines()[-1].startswith("COMPLETE: ")
    (file,) = (place / "evidence").glob("*/result.json")
    assert json.loads(file.read_text(encoding="utf-8"))["result"] == "complete"
    assert sandbox.access(LEAVER) == (0, 0)
    assert login_state(old) == "28P01"
    # Nothing else was left where the command was started.
    assert [path.name for path in place.iterdir()] == ["evidence"]
