"""How times and channels are said on the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
PACK_ZH = {
    "mandarin": "普通话",
    "sichuan": "四川话",
    "cantonese": "粤语",
    "northeast": "东北话",
    "shanghai": "上海话",
    "minnan": "闽南话",
    "henan": "河南话",
}


def clock(at: datetime) -> str:
    """``09:05`` today, else ``11-23 09:05`` (Asia/Shanghai)."""
    local = at.astimezone(SHANGHAI)
    return f"{local:%H:%M}" if local.date() == datetime.now(SHANGHAI).date() else f"{local:%m-%d %H:%M}"


def ago(at: datetime) -> str:
    """How long it has been: ``45秒``, ``3分钟``, ``2小时5分``."""
    seconds = max(int((datetime.now(UTC) - at).total_seconds()), 0)
    if seconds < 60:
        return f"{seconds}秒"
    minutes = seconds // 60
    return f"{minutes}分钟" if minutes < 60 else f"{minutes // 60}小时{minutes % 60}分"
