"""What a voice process and its parent say to each other.

Frames on the process's standard input and output: a length (4 bytes, big endian) and that many bytes. A request is JSON
with ``words`` (what the voice takes), ``speed`` and ``pause_ms`` (silence at the end). An answer begins with ``+``
before µ-law sound at 8 kHz, or ``-`` before words on what went wrong; the first one comes unasked, when the voice is
ready or cannot be. The process ends when its input does.
"""

from __future__ import annotations

import struct

LENGTH = struct.Struct(">I")
READY = b"+"
FAILED = b"-"
