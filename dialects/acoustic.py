"""The recognition models, each loaded once and shared by all calls."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dialects.pack import DEFAULT, MODELS, Pack

_NEEDED = ("am/final.mdl", "conf/mfcc.conf", "conf/model.conf", "graph/phones/word_boundary.int")
_WHOLE_GRAPH = "graph/HCLG.fst"
_GRAPH_IN_PARTS = ("graph/HCLr.fst", "graph/Gr.fst", "graph/disambig_tid.int")
SUMS = "SHA256SUMS"
"""A file in the model's folder, as ``sha256sum`` writes it. Some damage makes Vosk crash instead of complaining."""
_HOW = "请运行 make models 重新生成，或从版本库恢复这个文件夹"


class ModelError(RuntimeError):
    """A model is missing or damaged; the text (Chinese) says which and what to do."""


def load_vosk(path: Path) -> Any:
    """A ``vosk.Model``; whatever Vosk raises when it cannot read the files."""
    import vosk

    vosk.SetLogLevel(-1)
    model = vosk.Model(str(path))
    # A graph that is cut off shows only when a recogniser is made of it.
    vosk.KaldiRecognizer(model, 16_000)
    return model


def missing_files(path: Path) -> list[str]:
    """Files that Vosk cannot do without and that are absent or empty in ``path``."""

    def there(name: str) -> bool:
        file = path / name
        return file.is_file() and file.stat().st_size > 0

    absent = [name for name in _NEEDED if not there(name)]
    if not there(_WHOLE_GRAPH):
        absent += [name for name in _GRAPH_IN_PARTS if not there(name)]
    return absent


def write_sums(path: Path) -> None:
    """List the files Vosk reads with their digests: some that are cut off would end the whole process."""
    files = sorted(
        file for part in ("am", "conf", "graph") for file in (path / part).rglob("*") if file.is_file()
    )
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(path).as_posix()}\n"
        for file in files
    ]
    (path / SUMS).write_text("".join(lines), encoding="utf-8")


def changed_files(path: Path) -> list[str]:
    """Files that are not as ``SHA256SUMS`` says; none when there is no such list."""
    sums = path / SUMS
    if not sums.is_file():
        return []
    listed = (line.split(maxsplit=1) for line in sums.read_text(encoding="utf-8").splitlines())
    found = [(parts[1].lstrip("*./"), parts[0]) for parts in listed if len(parts) == 2]
    return [
        name
        for name, digest in found
        if not (path / name).is_file() or hashlib.sha256((path / name).read_bytes()).hexdigest() != digest
    ]


class Models:
    """Models by name, loaded when first asked for; safe to use from several threads."""

    def __init__(
        self, folder: Path = MODELS, load: Callable[[Path], Any] = load_vosk, *, mandarin: Path | None = None
    ) -> None:
        """``mandarin`` is another folder for Mandarin's model, such as one of Vosk's own."""
        self._folder = folder
        self._load = load
        self._mandarin = mandarin
        self._lock = threading.Lock()
        self._loaded: dict[str, Any] = {}

    def path(self, name: str) -> Path:
        """Where the model ``name`` lies or should lie."""
        return self._mandarin if self._mandarin is not None and name == DEFAULT else self._folder / name

    def has(self, name: str) -> bool:
        """Whether the files of ``name`` are there; they may still turn out to be damaged."""
        return not missing_files(self.path(name))

    def get(self, name: str) -> Any:
        """The model ``name``.

        Raises:
            ModelError: it is missing or damaged.
        """
        with self._lock:
            if name in self._loaded:
                return self._loaded[name]
            path = self.path(name)
            if not path.is_dir():
                raise ModelError(f"没有语音模型 {name}（{path}）。{_HOW}。")
            if absent := missing_files(path):
                raise ModelError(f"语音模型 {name} 不完整，缺少 {'、'.join(absent)}（{path}）。{_HOW}。")
            if changed := changed_files(path):
                raise ModelError(
                    f"语音模型 {name} 已损坏：{'、'.join(changed)} 与校验值不符（{path}）。{_HOW}。"
                )
            try:
                model = self._load(path)
            except Exception as error:
                raise ModelError(f"语音模型 {name} 已损坏，无法载入（{path}）。{_HOW}。") from error
            self._loaded[name] = model
            return model

    def name_for(self, pack: Pack) -> str:
        """The model that hears ``pack`` here: its own, or Mandarin's when it has none or that one is not there."""
        return pack.model if pack.model == DEFAULT or self.has(pack.model) else DEFAULT
