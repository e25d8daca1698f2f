# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image for AWX can be described, and holds every package that the playbooks need."""

from __future__ import annotations

import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from tests.export import COLLECTION, ROOT, export

NOT_FOR_THE_COLLECTION = {"ansible-core"}  # ansible-builder never takes it from a collection


def builder(*arguments: str | Path, cwd: Path) -> str:
    command = [Path(sys.executable).with_name("ansible-builder"), *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def packages(lines: t.Iterable[str]) -> list[str]:
    return sorted(line.split("#")[0].strip() for line in lines if line.split("#")[0].strip())


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("export"))


def test_the_image_holds_every_package(copy: Path, tmp_path: Path) -> None:
    builder("create", "-f", "execution-environment.yml", "-c", tmp_path, cwd=copy)
    build = tmp_path / "_build"
    wanted = packages((ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines())
    assert packages((build / "requirements.txt").read_text(encoding="utf-8").splitlines()) == wanted
    assert (build / "bindep.txt").read_text(encoding="utf-8") == (ROOT / "bindep.txt").read_text(encoding="utf-8")
    # What the definition names itself is of the same version.
    definition = yaml.safe_load((ROOT / "execution-environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert {definition["ansible_core"]["package_pip"], definition["ansible_runner"]["package_pip"]} <= set(wanted)


def test_a_mistake_in_the_definition_is_refused(copy: Path, tmp_path: Path) -> None:
    """So the test above says something."""
    wrong = copy / "wrong.yml"
    wrong.write_text((copy / "execution-environment.yml").read_text(encoding="utf-8") + "dependencys: {}\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="dependencys"):
        builder("create", "-f", "wrong.yml", "-c", tmp_path, cwd=copy)
    wrong.unlink()


def test_the_collection_says_what_it_needs(copy: Path) -> None:
    found = yaml.safe_load(builder("introspect", copy.parents[len(COLLECTION.parts) - 1], cwd=copy))
    wanted = packages((ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines())
    assert packages(found["python"]) == [line for line in wanted if line.split("==")[0] not in NOT_FOR_THE_COLLECTION]
    assert packages(found["system"]) == packages((ROOT / "bindep.txt").read_text(encoding="utf-8").splitlines())
    assert len(found["system"]) == 2
