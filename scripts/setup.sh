#!/usr/bin/env bash
# 准备两个 Python 环境和系统软件包 · prepares both environments and the system packages.
# Idempotent; two runs at once wait for each other. Honours UV_*, PIP_INDEX_URL, pip's own index-url and SSL_CERT_FILE.
#   SHUILING_PYTHON        a Python 3.11–3.13 to use for the service
#   SHUILING_RASA_PYTHON   a Python 3.10 to use for Rasa
#   SHUILING_SKIP_APT=1    leave system packages alone
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly CACHE=.cache LOG=.cache/setup.log
readonly SYSTEM_PACKAGES=(chromium espeak-ng fonts-noto-cjk libgomp1 poppler-utils)
mkdir -p "$CACHE"
[[ -f $CACHE/.gitignore ]] || printf '*\n' >"$CACHE/.gitignore"

exec 9>"$CACHE/setup.lock"
if command -v flock >/dev/null && ! flock -n 9; then
  echo "» 另一个安装正在进行，等它结束 · another set-up is running, waiting …"
  flock 9
fi

say() { printf '» [%3ds] %s\n' "$SECONDS" "$*"; }
die() {
  printf '✗ %s\n' "$@" >&2
  exit 1
}

# A step runs in a process group of its own, so that Ctrl-C ends all of it.
WORKER=
trap '[[ -z $WORKER ]] || kill -- "-$WORKER" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM

# step "what" command… : its output goes to the log, a heartbeat and, on failure, the log's end to the terminal.
step() {
  local what=$1 began=$SECONDS ticks=0 status=0
  shift
  say "$what …"
  printf '\n== %s\n' "$what" >>"$LOG"
  set -m
  "$@" >>"$LOG" 2>&1 9>&- </dev/null &
  WORKER=$!
  set +m
  while kill -0 "$WORKER" 2>/dev/null; do
    sleep 0.2
    ticks=$((ticks + 1))
    if ((ticks % 50 == 0)); then printf '         … %d s\n' "$((SECONDS - began))"; fi
  done
  wait "$WORKER" || status=$?
  WORKER=
  if ((status)); then
    tail -n 30 "$LOG" >&2
    printf '✗ 失败 · failed: %s（完整日志 · full log: %s）\n' "$what" "$LOG" >&2
  fi
  return "$status"
}

has() { command -v "$1" >/dev/null 2>&1; }
is_root() { [[ $(id -u) -eq 0 ]]; }

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 "$@"; }
# A mirror that cannot be refreshed may still be cached well enough to install from.
apt_install() {
  apt_get update || true
  apt_get install --no-install-recommends "$@"
}

# --- Python -----------------------------------------------------------------------------------------------------------

# usable PATH MIN MAX: it really runs (version shims may not), its minor version fits and its standard library is whole.
usable() {
  "$1" - "$2" "$3" >/dev/null 2>&1 <<'PY'
import sys
low, high = (tuple(map(int, text.split("."))) for text in sys.argv[1:3])
if not low <= sys.version_info[:2] <= high:
    sys.exit(1)
import ctypes, lzma, sqlite3, ssl, zlib
PY
}

candidates() {
  local version name
  for version in "$@"; do
    for name in "python$version" python3 python; do type -aP "$name" || true; done
    for name in "${PYENV_ROOT:-$HOME/.pyenv}" "$HOME/.pyenv"; do
      compgen -G "$name/versions/$version*/bin/python$version" || true
    done
    compgen -G "${UV_PYTHON_INSTALL_DIR:-$HOME/.local/share/uv/python}/cpython-$version*/bin/python$version" || true
  done
}

# find_python VERSION… : the first candidate that works, preferring the versions in the order given.
find_python() {
  local version candidate
  for version in "$@"; do
    while read -r candidate; do
      if usable "$candidate" "$version" "$version"; then
        # The program itself, not a shim that may later choose another version.
        "$candidate" -c 'import sys; print(sys.executable)'
        return 0
      fi
    done < <(candidates "$version" | awk '!seen[$0]++')
  done
  return 1
}

# need_python LOW HIGH NAME_OF_OVERRIDE WHAT VERSION… : prints a path; installs through uv as the last resort.
need_python() {
  local low=$1 high=$2 override=$3 what=$4
  shift 4
  if [[ -n ${!override:-} ]]; then
    usable "${!override}" "$low" "$high" || die "$override=${!override} 不是可用的 Python $low–$high · is not a usable one"
    echo "${!override}"
    return 0
  fi
  find_python "$@" && return 0
  step "安装 Python $1（$what）· uv python install" "$UV" python install "$1" >&2 || true
  find_python "$@" && return 0
  die "找不到 Python $1（$what），也无法自动下载。" \
    "请安装其一后重试 · install one and retry: pyenv install $1 ｜ uv python install $1 ｜ 设置 UV_PYTHON_INSTALL_MIRROR 后重试 ｜ 设置 $override=/路径/python$1"
}

# --- uv, out of a small environment of its own ------------------------------------------------------------------------

hash_of() { cat "$@" | sha256sum | cut -c1-32; }
stamped() { [[ -f $1 && $(<"$1") == "$2" ]]; }

make_boot() {
  local python=$1
  rm -rf "$CACHE/boot"
  "$python" -m venv "$CACHE/boot" && return 0
  rm -rf "$CACHE/boot"
  return 1
}

boot_uv() {
  local want python
  want=$(hash_of requirements/boot.lock)
  UV=$PWD/$CACHE/boot/bin/uv
  if stamped "$CACHE/boot/.stamp" "$want" && "$UV" --version >/dev/null 2>&1; then return 0; fi
  python=$(find_python 3.11 3.12 3.13 3.14 3.10 3.9 3.8) ||
    die "找不到 Python 3。请安装 · please install: sudo apt-get install python3 python3-venv"
  if ! step "建立引导环境 · bootstrap environment" make_boot "$python"; then
    if is_root && has apt-get && [[ -z ${SHUILING_SKIP_APT:-} ]]; then
      step "安装 python3-venv · apt-get" apt_install python3-venv "$(basename "$(readlink -f "$python")")-venv" || true
    fi
    step "再次建立引导环境 · bootstrap environment again" make_boot "$python" ||
      die "这个 Python 缺少 venv。请安装 · please install: sudo apt-get install python3-venv"
  fi
  step "安装 uv（按哈希校验）· installing uv" \
    "$CACHE/boot/bin/python" -m pip install --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
    -r requirements/boot.lock || die "无法下载 uv，请检查网络或 PIP_INDEX_URL · cannot download uv, check the network"
  echo "$want" >"$CACHE/boot/.stamp"
}

# uv does not read pip's configuration; a mirror set there is meant for us too.
follow_pip_index() {
  local index
  [[ -n ${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-} ]] && return 0
  index=${PIP_INDEX_URL:-$("$CACHE/boot/bin/python" -m pip config get global.index-url 2>/dev/null || true)}
  if [[ -n $index ]]; then export UV_DEFAULT_INDEX=$index; fi
}

# --- the two environments ---------------------------------------------------------------------------------------------

sync_from() {
  local venv=$1 lock=$2
  VIRTUAL_ENV=$PWD/$venv "$UV" pip sync --require-hashes "$lock"
}

# environment VENV LOCK LOW HIGH OVERRIDE WHAT VERSION… : made or renewed only when the lock changed or Python is gone.
environment() {
  local venv=$1 lock=$2 low=$3 high=$4 override=$5 what=$6 want python
  shift 6
  want=$(hash_of "$lock")
  if stamped "$venv/.lock-stamp" "$want" && usable "$venv/bin/python" "$low" "$high"; then return 0; fi
  boot_uv
  follow_pip_index
  rm -f "$venv/.lock-stamp" "$venv/.project-stamp"
  if ! usable "$venv/bin/python" "$low" "$high"; then
    python=$(need_python "$low" "$high" "$override" "$what" "$@")
    say "$venv ← $python"
    step "建立环境 · creating $venv" "$UV" venv --clear --python "$python" "$venv" || exit 1
  fi
  step "安装依赖（$what）· installing $lock" sync_from "$venv" "$lock" || exit 1
  echo "$want" >"$venv/.lock-stamp"
}

# The command .venv/bin/shuiling, and the rooms on the import path.
project() {
  local want
  want=$(hash_of pyproject.toml)
  if stamped .venv/.project-stamp "$want" && [[ -x .venv/bin/shuiling ]]; then return 0; fi
  boot_uv
  VIRTUAL_ENV=$PWD/.venv step "登记命令 shuiling · installing the command" \
    "$UV" pip install --no-deps --no-build-isolation --offline -e . || exit 1
  echo "$want" >.venv/.project-stamp
}

# --- system packages --------------------------------------------------------------------------------------------------

present() {
  case $1 in
    chromium) has chromium || has chromium-browser || has google-chrome ;;
    espeak-ng) has espeak-ng ;;
    poppler-utils) has pdftotext && has pdftoppm ;;
    fonts-noto-cjk) [[ -n $(compgen -G '/usr/share/fonts/opentype/noto/NotoSansCJK*' || true) ]] || has_chinese_font ;;
    libgomp1) [[ -n $(compgen -G '/usr/lib/*/libgomp.so.1' || compgen -G '/usr/lib*/libgomp.so.1' || true) ]] ;;
    *) return 1 ;;
  esac
}

has_chinese_font() { has fc-list && [[ -n $(fc-list :lang=zh-cn family 2>/dev/null) ]]; }

system_packages() {
  local package missing=()
  for package in "${SYSTEM_PACKAGES[@]}"; do
    present "$package" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  # A failed attempt is not repeated within the hour: every start would wait for it.
  if is_root && has apt-get && [[ -z ${SHUILING_SKIP_APT:-} && -z $(find "$CACHE/apt-failed" -mmin -60 2>/dev/null) ]]; then
    if step "安装系统软件包 · apt-get install ${missing[*]}" apt_install "${missing[@]}"; then return 0; fi
    touch "$CACHE/apt-failed"
  fi
  echo "! 缺少系统软件包，请安装 · please install: sudo apt-get install ${missing[*]}" >&2
}

: >"$LOG"
system_packages
environment .venv-rasa requirements/rasa.lock 3.10 3.10 SHUILING_RASA_PYTHON Rasa 3.10
environment .venv requirements/app.lock 3.11 3.13 SHUILING_PYTHON 税铃 3.11 3.12 3.13
project
say "环境就绪 · ready"
