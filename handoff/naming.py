"""How channels and the states of promises are named to staff, in Chinese."""

from __future__ import annotations

from collections.abc import Mapping

CHANNEL_ZH: Mapping[str, str] = {
    "web": "网页",
    "phone": "电话",
    "wechat": "微信",
    "rest": "接口",
    "notices": "通知",
}
PROMISE_ZH: Mapping[str, str] = {
    "open": "未到期",
    "kept": "已兑现",
    "broken": "未兑现",
    "replaced": "已另作安排",
}
