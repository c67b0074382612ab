"""When the model is trained again, and what happens when training goes wrong. Rasa itself is replaced by a script."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from gateway import training
from gateway.settings import Settings
from gateway.training import TrainingError, ensure_model, fingerprint, ready_model, training_inputs

pytestmark = pytest.mark.unit

WRITES_A_MODEL = """
    echo trained >> "$COUNT"
    while [ $# -gt 0 ]; do case $1 in --out) out=$2;; --fixed-model-name) name=$2;; esac; shift; done
    mkdir -p "$out" && echo model > "$out/$name.tar.gz"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project with a ``rasa`` that writes a model and counts how often it was asked."""
    root = tmp_path / "project"
    for name, text in {
        "config.yml": "language: zh",
        "domain.yml": "intents: []",
        "requirements/rasa.lock": "rasa==3.6.21",
        "nlu_data/nlu/greet.yml": "nlu: []",
        "nlu_data/rules/greet.yml": "rules: []",
        "nlu_data/lookups/words.txt": "滞纳金",
        "nlu_data/eval/held_out.yml": "nlu: []",
        "bot/__init__.py": "",
        "bot/channel.py": "",
        "bot/components/dense.py": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(training, "ROOT", root)
    monkeypatch.setattr(
        training, "model_path", lambda s: s.models_dir / f"shuiling-{fingerprint(root)}.tar.gz"
    )
    monkeypatch.setattr(training, "_component_cache", lambda: root / ".cache")
    rasa(root, monkeypatch, WRITES_A_MODEL)
    return root


def rasa(root: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = root / "rasa"
    program.write_text(f"#!/bin/sh\nCOUNT={root / 'count'}\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(training, "rasa_program", lambda: program)


def settings_of(root: Path) -> Settings:
    return Settings(data_dir=root / "var", models_dir=root / "models")


def trainings(root: Path) -> int:
    count = root / "count"
    return len(count.read_text().splitlines()) if count.exists() else 0


@pytest.mark.parametrize(
    "name",
    [
        "config.yml", "domain.yml", "requirements/rasa.lock", "nlu_data/nlu/greet.yml", "nlu_data/rules/greet.yml",
        "nlu_data/lookups/words.txt", "bot/components/dense.py",
    ],
)  # fmt: skip
def test_every_input_counts(project: Path, name: str) -> None:
    before = fingerprint(project)
    (project / name).write_text("changed")
    assert fingerprint(project) != before


@pytest.mark.parametrize("name", ["nlu_data/eval/held_out.yml", "bot/channel.py", "nlu_data/README.md"])
def test_what_is_not_in_the_model_does_not_count(project: Path, name: str) -> None:
    before = fingerprint(project)
    (project / name).write_text("changed")
    assert fingerprint(project) == before


def test_moving_a_text_between_files_counts(project: Path) -> None:
    before = fingerprint(project)
    (project / "nlu_data/nlu/greet.yml").rename(project / "nlu_data/nlu/hello.yml")
    assert fingerprint(project) != before


def test_a_domain_in_several_files_counts(project: Path) -> None:
    (project / "domain.yml").unlink()
    (project / "domain").mkdir()
    (project / "domain" / "slots.yml").write_text("slots: {}")
    assert project / "domain" / "slots.yml" in training_inputs(project)


def test_the_model_is_trained_once(project: Path) -> None:
    settings = settings_of(project)
    assert ready_model(settings) is None
    first = ensure_model(settings, lambda _: None)
    assert first.read_text() == "model\n"
    assert ensure_model(settings, lambda _: None) == first == ready_model(settings)
    assert trainings(project) == 1
    ensure_model(settings, lambda _: None, force=True)
    assert trainings(project) == 2
    assert [p.name for p in first.parent.iterdir() if p.name.startswith(".train-")] == []


def test_two_trainers_at_once_train_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rasa(project, monkeypatch, "sleep 0.5\n" + WRITES_A_MODEL)
    settings = settings_of(project)
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(ensure_model(settings, lambda _: None)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 2
    assert found[0] == found[1]
    assert trainings(project) == 1


def test_a_failure_shows_the_log_and_leaves_no_model(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rasa(project, monkeypatch, "echo 'intent greet has no examples'; exit 1")
    settings = settings_of(project)
    with pytest.raises(TrainingError, match="intent greet has no examples"):
        ensure_model(settings, lambda _: None)
    assert ready_model(settings) is None


def test_success_without_a_model_is_a_failure(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rasa(project, monkeypatch, "exit 0")
    with pytest.raises(TrainingError):
        ensure_model(settings_of(project), lambda _: None)


def test_cancelling_ends_the_trainer(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rasa(project, monkeypatch, 'echo $$ > "$COUNT.pid"; exec sleep 60')
    cancelled = threading.Event()
    pid_file = project / "count.pid"

    def cancel() -> None:
        while not (pid_file.exists() and pid_file.read_text().strip()):
            time.sleep(0.02)
        cancelled.set()

    threading.Thread(target=cancel, daemon=True).start()
    with pytest.raises(TrainingError, match="取消"):
        ensure_model(settings_of(project), lambda _: None, cancelled)
    assert not psutil.pid_exists(int(pid_file.read_text()))


def test_only_the_newest_models_stay(project: Path) -> None:
    settings = settings_of(project)
    settings.models_dir.mkdir()
    for age in range(5):
        old = settings.models_dir / f"shuiling-{age:012d}.tar.gz"
        old.touch()
        os.utime(old, (time.time() - 1000 * (age + 1),) * 2)
    trained = ensure_model(settings, lambda _: None)
    left = {path.name for path in settings.models_dir.glob("*.tar.gz")}
    assert left == {trained.name, "shuiling-000000000000.tar.gz", "shuiling-000000000001.tar.gz"}


def test_a_missing_environment_says_what_to_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "rasa_program", lambda: project / "nowhere")
    with pytest.raises(TrainingError, match="make setup"):
        ensure_model(settings_of(project), lambda _: None)
    (project / "config.yml").unlink()
    assert project / "config.yml" not in training_inputs(project)
