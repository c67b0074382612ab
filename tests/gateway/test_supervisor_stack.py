"""The real product under ``shuiling serve``: what dies comes back, what is told to stop leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from gateway.processes import fetch
from gateway.settings import ROOT
from store import embedded
from tests.support.stack import Stack, data_folder, wait_until

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def own_stack(trained_model: Path) -> Iterator[Stack]:
    """A stack that may be broken without harm to other tests."""
    with data_folder() as folder, Stack(folder) as running:
        yield running


def serve(environment: dict[str, str], timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", "serve"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def postmaster(stack: Stack) -> int:
    return int((stack.data_dir / "pg" / "postmaster.pid").read_text().splitlines()[0])


def test_rasa_and_the_gateway_come_back(own_stack: Stack) -> None:
    for kill, name in ((own_stack.kill_rasa, "rasa"), (own_stack.kill_gateway, "gateway")):
        dead = kill()
        wait_until(
            lambda name=name, dead=dead: own_stack.child_pid(name) not in (0, dead), 30, f"a new {name}"
        )  # type: ignore[misc]
        own_stack.wait_ready()
    assert fetch(f"{own_stack.rasa_url}/", 5)[0] == 200


def test_the_database_comes_back_with_its_data(own_stack: Stack) -> None:
    count = "select count(*) from taxpayer"
    with psycopg.connect(own_stack.database_url) as connection:
        before = connection.execute(count).fetchone()
    dead = postmaster(own_stack)
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: _new_database(own_stack, dead), 60, "a new database")
    own_stack.wait_ready()
    with psycopg.connect(own_stack.database_url) as connection:
        assert connection.execute(count).fetchone() == before == (200,)


def _new_database(stack: Stack, dead: int) -> bool:
    return embedded.is_running(stack.data_dir) and postmaster(stack) != dead


def test_a_second_start_on_the_same_data_is_refused(own_stack: Stack) -> None:
    done = serve(own_stack.environment)
    assert done.returncode == 2
    assert str(own_stack.state["pid"]) in done.stdout
    assert "SHUILING_DATA_DIR" in done.stdout
    own_stack.wait_ready(10)


@pytest.mark.parametrize("name", ["SHUILING_PORT", "SHUILING_RASA_PORT"])
def test_a_taken_port_names_the_setting(own_stack: Stack, tmp_path: Path, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = serve(Stack(tmp_path).environment | {name: str(taken.getsockname()[1])})
    assert done.returncode == 2
    assert name in done.stdout
    assert not (tmp_path / "pg").exists()


def test_doctor_is_content_with_a_running_stack(own_stack: Stack) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", "doctor"],
        cwd=ROOT,
        env=own_stack.environment | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    rows = {line.split()[1]: line.split()[0] for line in done.stdout.splitlines() if len(line.split()) > 1}
    assert [rows[part] for part in ("Rasa", "网关", "PostgreSQL", "数据表", "审计链", "语义模型")] == [
        "✓"
    ] * 6


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder


def test_a_start_from_cold_and_both_ways_to_stop(trained_model: Path, folder: Path) -> None:
    stack = Stack(folder)
    began = time.monotonic()
    stack.start()
    first = time.monotonic() - began
    everybody = _below(stack)
    assert len(everybody) >= 3

    assert stack._process is not None
    stack._process.send_signal(signal.SIGTERM)
    assert stack._process.wait(40) == 0
    assert [p for p in everybody if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    assert not embedded.is_running(folder)
    assert not (folder / "serve.json").exists()
    assert "已停止" in stack.logs()

    began = time.monotonic()
    stack.start()
    again = time.monotonic() - began
    # The budget is 45 s on a quiet machine; a busy one is judged by its own first start.
    assert again < max(45.0, first * 1.25)

    everybody = _below(stack)
    stack._process.kill()
    stack._process.wait()
    wait_until(lambda: not any(_alive(p) for p in everybody), 30, "end of the children")
    wait_until(lambda: not embedded.is_running(folder), 30, "end of the database")
    stack.stop()


def _below(stack: Stack) -> list[psutil.Process]:
    assert stack._process is not None
    return psutil.Process(stack._process.pid).children(recursive=True)


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
