"""An archive of one fictional call, with a real sealed recording: the caller's tone is low, the bot's is high."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from gateway.routes.calls import CallRow, CallSheet, SheetLine
from telephony.hearing.mulaw import encode
from telephony.recording import Recordings
from telephony.recording_format import RecordingKeys
from telephony.recording_reader import RecordingReader

CALLER_HZ, BOT_HZ = 300, 900
STARTED = datetime(2026, 11, 23, 9, 30, tzinfo=timezone(timedelta(hours=8)))
LINES = (
    SheetLine(
        "bot",
        "您好，我是税务局的智能助手，不是真人，通话会录音。请问是虚构示范禾木餐饮店的负责人吗？",
        300,
        6000,
        1.0,
    ),
    SheetLine("caller", "是我，啥子事嘛？", 6400, 7900),
    SheetLine("bot", "先核对一下身份。请说出或按出证件号码的最后六位，按井号键结束。", 8400, 12600, 0.5),
    SheetLine("key", "〔按了六位数字〕", 11000, 13500),
    SheetLine(
        "bot",
        "谢谢，核对好了。有一笔税款本月要到期，我来告诉您怎么办理，也可以申请延期缴纳。",
        14000,
        19800,
        1.0,
    ),
    SheetLine("caller", "我想申请延期，该咋个弄？", 20400, 22600),
    SheetLine(
        "bot",
        "可以申请延期。先按手机短信里的步骤准备材料，需要的话我再打给您。有疑问请拨打 12366。",
        23100,
        29500,
        1.0,
    ),
)


class FakeArchive:
    """Implements the routes' ``Archive``."""

    def __init__(self, folder: Path) -> None:
        self.call = uuid.uuid4()
        self.searched: list[str] = []
        self.row = CallRow(self.call, STARTED, "139****0001", "browser", "completed")
        self.lines: Sequence[SheetLine] = LINES
        self.folder = folder
        self._recordings = Recordings(folder, RecordingKeys("t", {"t": bytes(32)}))

    def record(self) -> None:
        """Record the call: each side sounds while its lines last."""
        # Playwright keeps an event loop running in the test's thread.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, self._record()).result()

    async def find(self, words: str, limit: int) -> Sequence[CallRow]:
        self.searched.append(words)
        found = next((line.text for line in self.lines if words and words in line.text), "")
        if words and not found:
            return []
        return [CallRow(self.call, STARTED, self.row.phone_mask, "browser", "completed", found)]

    async def sheet(self, call_id: uuid.UUID) -> CallSheet | None:
        if call_id != self.call:
            return None
        return CallSheet(self.row, "", "sichuan", self.lines)

    def recording(self, call_id: uuid.UUID) -> RecordingReader:
        return self._recordings.open(call_id)

    async def _record(self) -> None:
        recording = self._recordings.start(self.call, STARTED)
        for line in self.lines:
            length = line.ended_ms - line.began_ms
            if line.speaker == "bot":
                recording.bot(line.began_ms, _speech(BOT_HZ, round(length * (line.heard or 0))))
            elif line.speaker == "caller":
                recording.caller(line.began_ms, _speech(CALLER_HZ, length))
        await recording.close()


def _speech(hz: int, ms: int) -> bytes:
    at = np.arange(ms * 8) / 8000
    syllables = 0.35 + 0.65 * np.abs(np.sin(2 * np.pi * 1.9 * at)) * np.abs(np.sin(2 * np.pi * 0.31 * at))
    return encode((9000 * syllables * np.sin(2 * np.pi * hz * at)).astype(np.int16))
