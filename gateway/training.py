"""The Rasa model: named after a hash of everything it is made of, so that it is trained only when that changed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gateway.examples import read_examples
from gateway.model_card import Card, card_path, write_card
from gateway.processes import die_with_parent, signal_group, tail
from gateway.rasa_process import base_environment, rasa_program
from gateway.settings import ROOT, Settings

KEPT_MODELS = 3
HEARTBEAT_S = 10
_TRAINING_DATA = ("nlu_data/nlu", "nlu_data/rules", "nlu_data/stories", "nlu_data/lookups")
# Part of Rasa's process but not of the model.
_NOT_IN_MODEL = frozenset(
    {
        "bot/action_schema.py",
        "bot/channel.py",
        "bot/reload.py",
        "bot/tracker_store.py",
        "bot/turn.py",
        "bot/understand.py",
    }
)

Report = Callable[[str], None]


class TrainingError(RuntimeError):
    """Training failed or was cancelled; the text (Chinese) says why."""


def training_inputs(root: Path = ROOT) -> list[Path]:
    """Every file the model depends on, sorted."""
    found = [root / "config.yml", root / "domain.yml", root / "requirements" / "rasa.lock"]
    for folder in ("domain", "nlu_data"):
        found += (path for path in (root / folder).rglob("*") if path.is_file())
    found += dialect_inputs(root)
    found += (root / "bot").rglob("*.py")
    return sorted(path for path in found if path.is_file() and _counts(path.relative_to(root)))


def dialect_inputs(root: Path = ROOT) -> list[Path]:
    """What understanding reads of the dialects: their word and sound tables, and the modules on them."""
    modules = ("__init__", "confusions", "lexicon", "sounds")
    tables = ("lexicon.tsv", "homophones.tsv", "confusions.yml")
    found = [root / "dialects" / f"{name}.py" for name in modules]
    found += [path for name in tables for path in (root / "dialects" / "packs").glob(f"*/{name}")]
    return sorted(path for path in found if path.is_file())


def _counts(path: Path) -> bool:
    hidden = any(part.startswith((".", "__pycache__")) for part in path.parts)
    prose = path.suffix == ".md"
    evaluation = path.parts[:2] == ("nlu_data", "eval")
    return not (hidden or prose or evaluation or path.as_posix() in _NOT_IN_MODEL)


def fingerprint(root: Path = ROOT) -> str:
    """Twelve hexadecimal digits over names and contents of :func:`training_inputs`."""
    return _digest(training_inputs(root), root)


def _digest(paths: list[Path], root: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def model_path(settings: Settings) -> Path:
    """Where the model of the present inputs lies or will lie."""
    return settings.models_dir / f"shuiling-{fingerprint()}.tar.gz"


def ready_model(settings: Settings) -> Path | None:
    """The model of the present inputs, ``None`` when it has yet to be trained."""
    path = model_path(settings)
    return path if path.exists() else None


def ensure_model(
    settings: Settings,
    report: Report = print,
    cancelled: threading.Event | None = None,
    *,
    force: bool = False,
) -> Path:
    """The model of the present inputs, trained now when missing.

    A second caller waits for the first and finds its model. ``cancelled`` stops the training.

    Raises:
        TrainingError: Rasa's environment is missing, training failed, or was cancelled.
    """
    if not force and (found := ready_model(settings)):
        found.touch()
        return found
    if not rasa_program().exists():
        raise TrainingError("Rasa 环境还没有准备好，请先运行 make setup。")
    if not (ROOT / "config.yml").exists():
        raise TrainingError("找不到 config.yml，无法训练模型。")
    if (ROOT / "domain").is_dir() and (ROOT / "domain.yml").exists():
        raise TrainingError("domain.yml 与 domain/ 同时存在，Rasa 只读其一，请合并。")
    stop = cancelled or threading.Event()
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    with _one_trainer(settings.models_dir, report, stop):
        if not force and (found := ready_model(settings)):
            return found
        target = model_path(settings)
        scratch = settings.models_dir / f".train-{os.getpid()}"
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            _train(settings, target, scratch, report, stop)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        _prune(settings)
        return target


@contextmanager
def _one_trainer(models_dir: Path, report: Report, stop: threading.Event) -> Iterator[None]:
    with (models_dir / ".train.lock").open("w") as handle:
        told = False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    report("另一个进程正在训练模型，等它完成 …")
                    told = True
                if stop.wait(0.5):
                    raise TrainingError("训练已取消。") from None
        yield


def _train(settings: Settings, target: Path, scratch: Path, report: Report, stop: threading.Event) -> None:
    name = target.name.removesuffix(".tar.gz")
    log = settings.data_dir / "log" / "train.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    domain = "domain" if (ROOT / "domain").is_dir() else "domain.yml"
    command = [
        str(rasa_program()), "train",
        "--config", "config.yml",
        "--domain", domain,
        "--data", *(folder for folder in _TRAINING_DATA if (ROOT / folder).is_dir()),
        "--out", str(scratch),
        "--fixed-model-name", name,
    ]  # fmt: skip
    environment = base_environment() | {
        "PYTHONHASHSEED": "0",
        "RASA_CACHE_DIRECTORY": str(_component_cache()),
        "SHUILING_ACTION_URL": "unused",
        "SHUILING_INTERNAL_TOKEN": "unused",
        "RASA_DB_URL": "unused",
    }
    began = time.monotonic()
    report(f"训练模型 {name}（首次约需几分钟，日志 {log}）…")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        try:
            _wait(process, began, report, stop)
        finally:
            _end(process)
    made = scratch / target.name
    if process.returncode != 0 or not made.exists():
        raise TrainingError(
            f"模型训练失败（退出码 {process.returncode}），日志末尾：\n{tail(log)}\n完整日志：{log}"
        )
    took = time.monotonic() - began
    os.replace(made, target)
    examples = len(read_examples(ROOT / "nlu_data" / "nlu"))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    write_card(target, Card(name, name.removeprefix("shuiling-"), now, round(took, 1), examples))
    report(f"模型训练完成，用时 {took:.0f} 秒：{target.name}")


def _wait(process: subprocess.Popen[bytes], began: float, report: Report, stop: threading.Event) -> None:
    beat = began + HEARTBEAT_S
    while process.poll() is None:
        if stop.wait(0.2):
            raise TrainingError("训练已取消。")
        if time.monotonic() >= beat:
            report(f"训练中 … {time.monotonic() - began:.0f} 秒")
            beat += HEARTBEAT_S


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        signal_group(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            signal_group(process.pid, signal.SIGKILL)
            process.wait()


def _component_cache() -> Path:
    """Rasa's cache of trained components, one a version of our code.

    Rasa's own fingerprints see a component's class but not the modules it calls nor the tables these read, so a
    shared cache could go stale.
    """
    code = [
        path
        for path in training_inputs()
        if path.suffix in (".py", ".lock", ".tsv") or "dialects" in path.parts
    ]
    folder = ROOT / ".cache" / "rasa" / _digest(code, ROOT)
    if folder.parent.exists():
        for other in folder.parent.iterdir():
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _prune(settings: Settings) -> None:
    """Remove the oldest archives with their cards, never the one in use nor the one before it."""
    try:
        pointer = json.loads((settings.data_dir / "model" / "in-use.json").read_text(encoding="utf-8"))
        kept = {pointer.get("model"), pointer.get("previous")}
    except (OSError, ValueError, AttributeError):
        kept = set()
    models = sorted(
        settings.models_dir.glob("shuiling-*.tar.gz"), key=lambda path: path.stat().st_mtime, reverse=True
    )
    for old in models[KEPT_MODELS:]:
        if old.name not in kept:
            old.unlink(missing_ok=True)
            card_path(old).unlink(missing_ok=True)
