"""Changing the model under a running product: the talk goes on, and what cannot be loaded changes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.settings import ROOT
from tests.support.stack import Stack, data_folder

pytestmark = pytest.mark.model
OTHER = "shuiling-0therm0del00"
BROKEN = "shuiling-br0ken000000"


@pytest.fixture(scope="module")
def switching(trained_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose models are the trained one, the same under another name, and an archive that is none."""
    with data_folder() as folder:
        models = folder / "models"
        models.mkdir()
        for path in trained_model.parent.glob(trained_model.name.removesuffix(".tar.gz") + "*"):
            shutil.copy2(path, models / path.name)
            shutil.copy2(path, models / path.name.replace(trained_model.name.removesuffix(".tar.gz"), OTHER))
        (models / f"{BROKEN}.tar.gz").write_bytes(b"no archive")
        with Stack(folder / "data", {"SHUILING_MODELS_DIR": str(models)}) as running:
            yield running


def model(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", "model", *arguments],
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def serving(stack: Stack) -> str:
    found: dict[str, Any] = json.loads(next(stack.data_dir.rglob("loaded.json")).read_text())
    return str(found["model"]).removesuffix(".tar.gz")


def talk(stack: Stack, text: str) -> str:
    said = httpx.post(
        f"{stack.url}/webhooks/rest/webhook",
        json={"sender": "switching", "message": text},
        timeout=30,
        trust_env=False,
    )
    said.raise_for_status()
    return "".join(str(bubble.get("text", "")) for bubble in said.json())


def test_there_and_back_without_a_restart(switching: Stack, trained_model: Path) -> None:
    first = trained_model.name.removesuffix(".tar.gz")
    pids = [switching.child_pid(name) for name in ("rasa", "gateway")]
    assert "核实" in talk(switching, "我欠多少税")

    used = model(switching, "use", OTHER, "--force")
    assert used.returncode == 0, used.stderr
    assert serving(switching) == OTHER
    assert "万分之五" in talk(switching, "滞纳金怎么算")

    broken = model(switching, "use", BROKEN, "--force")
    assert broken.returncode == 1
    assert BROKEN in broken.stderr
    assert serving(switching) == OTHER

    back = model(switching, "use", "previous")
    assert back.returncode == 0, back.stderr
    assert serving(switching) == first
    assert "万分之五" in talk(switching, "滞纳金怎么算")
    assert pids == [switching.child_pid(name) for name in ("rasa", "gateway")]
