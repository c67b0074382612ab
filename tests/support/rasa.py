"""Programs that run in Rasa's own environment."""

from __future__ import annotations

import subprocess

from gateway.rasa_process import RASA_VENV, base_environment
from gateway.settings import ROOT


def in_rasa(*arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """Run Rasa's Python with these arguments in the repository; whoever fails there fails the test."""
    done = subprocess.run(
        [str(RASA_VENV / "bin" / "python"), *arguments],
        cwd=ROOT,
        env=base_environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done
