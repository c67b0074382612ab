"""A pack's model adapted to real recordings, in the environment that ``scripts/training.sh`` makes.

``dialects.training.adapt`` does the work as a process of its own, since its libraries are not the service's. Everything that
can be wrong with what was given is told before it starts.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dialects.acoustic import missing_files
from dialects.pack import MODELS, PackError, find_pack
from gateway.settings import ROOT

ENVIRONMENT = ROOT / ".venv-training"
TABLE = "transcripts.tsv"
_SOUNDS = frozenset({".wav", ".flac", ".ogg", ".mp3"})


class AdaptError(RuntimeError):
    """Nothing was adapted; the text (Chinese) says why and what to do."""


@dataclass(frozen=True, slots=True)
class Adapted:
    """What came of it; ``before`` and ``after`` are character error rates (0 to 1) on recordings kept aside."""

    used: int
    skipped: tuple[tuple[str, str], ...]
    minutes: float
    before: float
    after: float
    kept: bool


def recorded(folder: Path) -> int:
    """How many sound files of ``folder`` have a transcript, in ``transcripts.tsv`` or a ``.txt`` beside each.

    Raises:
        AdaptError: there is no such folder, or no recording with a transcript in it.
    """
    if not folder.is_dir():
        raise AdaptError(f"没有录音文件夹 {folder}。")
    table = folder / TABLE
    if table.is_file():
        try:
            lines = table.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise AdaptError(f"{table} 不是 UTF-8 文字，请另存为 UTF-8。") from None
        named = [line.partition("\t") for line in lines if line.strip()]
        found = [name for name, _, said in named if said.strip() and (folder / name).is_file()]
    else:
        found = [
            str(each)
            for each in folder.rglob("*")
            if each.suffix.lower() in _SOUNDS and each.with_suffix(".txt").is_file()
        ]
    if not found:
        raise AdaptError(
            f"{folder} 里没有带文字的录音。请在每个 WAV 旁边放同名的 .txt（内容是说的话），"
            f"或写一个 {TABLE}：每行“文件名<Tab>说的话”。"
        )
    return len(found)


def base_model(pack: str, models: Path = MODELS) -> Path:
    """The folder of the model that ``pack`` is recognised with and that can be trained on.

    Raises:
        AdaptError: there is no such pack, it has no model of its own, or that one is not there.
    """
    try:
        found = find_pack(pack)
    except PackError as error:
        raise AdaptError(str(error)) from None
    if found.own_model is None:
        raise AdaptError(f"方言包 {found.title} 没有自己的语音模型，请用 --base mandarin。")
    folder = models / found.own_model
    if absent := missing_files(folder):
        raise AdaptError(f"语音模型 {found.own_model} 不完整，缺少 {'、'.join(absent)}（{folder}）。")
    return folder


def free_name(models: Path, pack: str) -> Path:
    """``<pack>-adapted`` in ``models``, numbered when there is one already."""
    names = (f"{pack}-adapted" + (f"-{number}" if number > 1 else "") for number in range(1, 10_000))
    return next(models / name for name in names if not (models / name).exists())


def python_of(environment: Path) -> Path:
    """Python of the training environment.

    Raises:
        AdaptError: that environment has not been made, or not to its end.
    """
    python = environment / "bin" / "python"
    if not (python.exists() and (environment / ".lock-stamp").is_file()):
        raise AdaptError("还没有训练环境。请先运行 scripts/training.sh（下载约 6 GB），再运行本命令。")
    return python


def adapt(python: Path, base: Path, recordings: Path, out: Path) -> Adapted:
    """Run the adaptation; its progress goes to this process's standard error. ``out`` appears if the model got no worse.

    Raises:
        AdaptError: ``out`` exists already (it would be replaced), or the process failed.
    """
    if out.exists():
        raise AdaptError(f"{out} 已经存在。请用 --out 换一个文件夹，或先把它移走。")
    out.parent.mkdir(parents=True, exist_ok=True)
    command = [python, "-m", "dialects.training.adapt"]
    command += ["--base", base, "--recordings", recordings.resolve(), "--out", out.resolve()]
    done = subprocess.run([str(each) for each in command], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode == 2:
        raise AdaptError("录音或模型不能用来训练，原因见上。")
    if done.returncode < 0:
        raise AdaptError(f"训练被系统终止（信号 {-done.returncode}），可能内存不够。请关掉别的程序再试。")
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise AdaptError(f"训练失败（退出码 {done.returncode}），原因见上。")
    told = json.loads(lines[-1])
    skipped = tuple((str(name), str(reason)) for name, reason in told.pop("skipped"))
    return Adapted(skipped=skipped, **told)
