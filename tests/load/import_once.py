"""``python -m tests.load.import_once URL FILE``: one import in a process of its own, and what it cost as JSON.

``{"rows", "seconds", "before_kb", "peak_kb"}``: rows taken, seconds, resident memory before and at its highest.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path

from gateway.settings import Settings
from store.crypto import FieldCipher
from store.engine import make_engine, make_sessions
from store.importer import import_file
from tests.support.stack import TODAY


def _status_kb(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


async def _import(url: str, path: Path) -> int:
    settings = Settings()
    cipher = FieldCipher.from_settings(
        settings.field_keys.get_secret_value(), settings.lookup_key.get_secret_value()
    )
    engine = make_engine(url, pool_size=1, max_overflow=0)
    try:
        report = await import_file(path, None, make_sessions(engine), cipher, today=TODAY)
    finally:
        await engine.dispose()
    if not report.ok:
        raise SystemExit(f"import failed: {report.errors[:3]}")
    return report.inserted


def main() -> None:
    before = _status_kb("VmRSS")
    began = time.perf_counter()
    rows = asyncio.run(_import(sys.argv[1], Path(sys.argv[2])))
    seconds = time.perf_counter() - began
    print(json.dumps({"rows": rows, "seconds": seconds, "before_kb": before, "peak_kb": _status_kb("VmHWM")}))


if __name__ == "__main__":
    main()
