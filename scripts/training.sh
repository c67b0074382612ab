#!/usr/bin/env bash
# 训练声学模型用的环境 · prepares .venv-training, the environment in which acoustic models are made.
# About 6 GB: PyPI's torch brings CUDA's libraries and does not start without them, though only the processor is used.
# Idempotent. Honours UV_*; the Python is the service's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VENV=.venv-training LOCK=requirements/training.lock LOG=.cache/training.log
readonly UV=.cache/boot/bin/uv

[[ -x $UV && -x .venv/bin/python ]] || scripts/setup.sh

exec 9>.cache/training.lock
if command -v flock >/dev/null && ! flock -n 9; then
  echo "» 另一个安装正在进行，等它结束 · another set-up is running, waiting …"
  flock 9
fi

want=$(sha256sum "$LOCK" | cut -c1-32)
if [[ -f $VENV/.lock-stamp && $(<"$VENV/.lock-stamp") == "$want" ]] && "$VENV/bin/python" -c 'import torch' 2>/dev/null; then
  echo "» 训练环境就绪 · the training environment is ready"
  exit 0
fi

# Like pip, follow a mirror that the user has set up for it.
if [[ -z ${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-} ]]; then
  index=${PIP_INDEX_URL:-$(.cache/boot/bin/python -m pip config get global.index-url 2>/dev/null || true)}
  if [[ -n $index ]]; then export UV_DEFAULT_INDEX=$index; fi
fi

# The program itself: a virtual environment's link would go when that environment is renewed.
python=$(.venv/bin/python -c 'import sys; print(getattr(sys, "_base_executable", sys.executable))')
echo "» 建立 $VENV 并安装依赖（约 6 GB，需几分钟）· installing about 6 GB, this takes minutes …"
rm -f "$VENV/.lock-stamp"
if ! {
  { [[ -x $VENV/bin/python ]] || "$UV" venv --python "$python" "$VENV"; } &&
    VIRTUAL_ENV=$PWD/$VENV "$UV" pip sync --require-hashes "$LOCK"
} >"$LOG" 2>&1; then
  tail -n 20 "$LOG" >&2
  echo "✗ 安装失败（完整日志 · full log: $LOG）" >&2
  exit 1
fi
echo "$want" >"$VENV/.lock-stamp"
echo "» 训练环境就绪 · the training environment is ready"
