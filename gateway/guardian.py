"""Stops the embedded database when the supervisor was killed and could not do it itself.

``python -m gateway.guardian DATA_DIR`` waits for its standard input to close, which happens however its parent ends.
Imports nothing of weight before that.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    data_dir = Path(sys.argv[1])
    sys.stdin.buffer.read()

    from gateway.processes import AlreadyRunningError, single_instance
    from store import embedded

    try:
        # Held by a supervisor that came after: the database is its business now.
        with single_instance(data_dir / "serve.lock", patience_s=0, announce=False):
            embedded.stop(data_dir)
    except AlreadyRunningError:
        return


if __name__ == "__main__":
    main()
