"""Which trained model serves: the pointer in the data folder, and how a new model takes the place of the old one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from gateway.model_card import Worse, worse
from gateway.model_measure import MeasureError, measured_card
from gateway.settings import Settings
from gateway.training import ensure_model, model_path

Report = Callable[[str], None]
_LOADED_WITHIN_S = 90.0
_LOOK_S = 0.3


class ChoiceError(RuntimeError):
    """The model asked for cannot be used; the text (Chinese) says why."""


class RefusedError(ChoiceError):
    """The model asked for is worse than the one in use."""

    def __init__(self, name: str, found: list[Worse]) -> None:
        super().__init__(f"{name} 比正在使用的模型差，没有更换：")
        self.found = found


@dataclass(frozen=True, slots=True)
class Pointer:
    """The model in use (archive names). ``chosen`` by hand stays until somebody chooses again."""

    model: str
    chosen: Literal["auto", "hand"]
    since: str
    previous: str | None = None


def pointer_path(settings: Settings) -> Path:
    """Where the pointer stands; Rasa watches this file."""
    return settings.data_dir / "model" / "in-use.json"


def read_pointer(settings: Settings) -> Pointer | None:
    """The pointer; ``None`` before the first start or when it cannot be read."""
    try:
        given = json.loads(pointer_path(settings).read_text(encoding="utf-8"))
        return Pointer(given["model"], given["chosen"], given["since"], given.get("previous"))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def set_pointer(settings: Settings, archive: Path, chosen: Literal["auto", "hand"]) -> Pointer:
    """Point at ``archive``, remembering the one before it."""
    before = read_pointer(settings)
    previous = None
    if before is not None:
        previous = before.model if before.model != archive.name else before.previous
    pointer = Pointer(archive.name, chosen, datetime.now(UTC).isoformat(timespec="seconds"), previous)
    _write(settings, pointer, archive)
    return pointer


def _write(settings: Settings, pointer: Pointer, archive: Path) -> None:
    path = pointer_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    written = {**asdict(pointer), "archive": str(archive.resolve())}
    fresh.write_text(json.dumps(written, ensure_ascii=False), encoding="utf-8")
    fresh.replace(path)


def settle(settings: Settings, report: Report, cancelled: threading.Event) -> Path:
    """The model to start with, trained where it has to be.

    The present inputs' model serves unless somebody chose another by hand, or it is worse than the one in use; then
    that one goes on and ``report`` says so.

    Raises:
        TrainingError: as :func:`gateway.training.ensure_model`.
    """
    pointer = read_pointer(settings)
    present = model_path(settings)
    used = settings.models_dir / pointer.model if pointer is not None else None
    if pointer is None or used is None or used == present or not used.exists():
        if used is not None and not used.exists():
            report(f"原来使用的模型 {used.name} 已不存在，改用现有语料的模型")
        made = ensure_model(settings, report, cancelled)
        set_pointer(settings, made, "auto")
        return made
    if pointer.chosen == "hand":
        report(f"按指定使用模型 {used.name}；现有语料的模型可用 shuiling model use present 换上")
        return used
    made = ensure_model(settings, report, cancelled)
    report("比较新旧模型 …")
    try:
        found = worse(measured_card(used).figures, measured_card(made).figures)
    except MeasureError as error:
        report(f"{error}。无法比较，改用新模型")
        found = []
    if found:
        report(f"新模型 {made.name} 比正在使用的差，继续使用 {used.name}：")
        for each in found:
            report(f"  {each}")
        report("  仍要换上：shuiling model use present --force")
        return used
    set_pointer(settings, made, "auto")
    return made


def find(settings: Settings, name: str) -> Path:
    """The archive called ``name``: a file name with or without ending, ``present`` or ``previous``.

    Raises:
        ChoiceError: there is none, or more than one begins so.
    """
    if name == "present":
        if not model_path(settings).exists():
            raise ChoiceError("现有语料的模型还没有训练，请先运行 shuiling train。")
        return model_path(settings)
    if name == "previous":
        pointer = read_pointer(settings)
        if pointer is None or pointer.previous is None:
            raise ChoiceError("没有上一个模型可以换回。")
        name = pointer.previous
    wanted = name.removesuffix(".tar.gz")
    archives = [path for path in sorted(settings.models_dir.glob("*.tar.gz")) if wanted in path.name]
    exact = [path for path in archives if path.name.removesuffix(".tar.gz") == wanted]
    if len(exact or archives) != 1:
        known = "、".join(path.name.removesuffix(".tar.gz") for path in settings.models_dir.glob("*.tar.gz"))
        what = "不止一个模型叫" if archives else "没有模型叫"
        raise ChoiceError(f"{what}“{name}”。现有：{known or '一个也没有'}。")
    return (exact or archives)[0]


def use(settings: Settings, archive: Path, *, force: bool) -> Pointer:
    """Serve with ``archive`` from now on; a running Rasa changes over within seconds.

    Raises:
        RefusedError: it is worse than the model in use, and not ``force``.
        ChoiceError: it cannot be loaded; the old one goes on.
    """
    before = read_pointer(settings)
    used = settings.models_dir / before.model if before else None
    try:
        if used is not None and used.exists() and used != archive and not force:
            found = worse(measured_card(used).figures, measured_card(archive).figures)
            if found:
                raise RefusedError(archive.name, found)
    except MeasureError as error:
        raise ChoiceError(str(error)) from error
    pointer = set_pointer(settings, archive, "auto" if archive == model_path(settings) else "hand")
    objection = _loading_error(settings, archive)
    if objection is None:
        return pointer
    if used is not None and before is not None:
        # As it was, so that "previous" does not lead back to what could not be loaded.
        _write(settings, before, used)
    raise ChoiceError(f"模型 {archive.name} 无法载入（{objection}），继续使用原来的模型。")


def _loading_error(settings: Settings, archive: Path) -> str | None:
    """What a running Rasa says against ``archive``; ``None`` when it serves with it or nothing runs."""
    deadline = time.monotonic() + _LOADED_WITHIN_S
    while (settings.data_dir / "serve.json").exists():
        told = _told(settings)
        if told.get("wanted") == archive.name:
            if told.get("error"):
                return str(told["error"])
            if told.get("model") == archive.name:
                return None
        if time.monotonic() >= deadline:
            return f"{_LOADED_WITHIN_S:.0f} 秒内没有载入"
        time.sleep(_LOOK_S)
    return None


def _told(settings: Settings) -> dict[str, object]:
    try:
        told = json.loads(pointer_path(settings).with_name("loaded.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
