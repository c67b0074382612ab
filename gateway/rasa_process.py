"""How Rasa is started: its command line and its environment. It listens on the loopback only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from gateway.settings import ROOT, Settings

RASA_VENV = ROOT / ".venv-rasa"
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SHUILING_TODAY")


def rasa_program() -> Path:
    """The ``rasa`` command of Rasa's own environment."""
    return RASA_VENV / "bin" / "rasa"


def base_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What every Rasa process gets: our packages on its path, quiet libraries, no telemetry, none of our secrets."""
    kept = {name: environ[name] for name in _INHERITED if name in environ}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        "PYTHONWARNINGS": "ignore",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "RASA_TELEMETRY_ENABLED": "false",
        "LOG_LEVEL_LIBRARIES": "ERROR",
    }


def serve_command(settings: Settings, model: Path) -> list[str]:
    """Command line of the Rasa server."""
    return [
        str(rasa_program()), "run",
        "--interface", "127.0.0.1",
        "--port", str(settings.rasa_port),
        "--model", str(model),
        "--endpoints", str(ROOT / "endpoints.yml"),
        "--credentials", str(ROOT / "credentials.yml"),
        "--quiet",
    ]  # fmt: skip


def serve_environment(settings: Settings, tracker_url: str) -> dict[str, str]:
    """Environment of the Rasa server.

    Args:
        tracker_url: PostgreSQL URL of the database that keeps Rasa's trackers.
    """
    environment = base_environment() | {
        "SHUILING_ACTION_URL": f"http://{loopback(settings.host)}:{settings.port}/internal/actions/webhook",
        "SHUILING_INTERNAL_TOKEN": settings.internal_token.get_secret_value(),
        "RASA_DB_URL": tracker_url,
        "SHUILING_MODEL_POINTER": str((settings.data_dir / "model" / "in-use.json").resolve()),
        "SANIC_WORKERS": "1",
        # One turn is small: more threads only fight over the cores.
        "OMP_NUM_THREADS": "1",
        "TF_INTRA_OP_PARALLELISM_THREADS": "1",
        "TF_INTER_OP_PARALLELISM_THREADS": "1",
    }
    if settings.today is not None:
        environment["SHUILING_TODAY"] = settings.today.isoformat()
    return environment


def loopback(host: str) -> str:
    """The address under which this machine itself reaches a server bound to ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104
