"""How outreach is said on the console's pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from handoff.card import CALL_OUTCOME_ZH
from handoff.console.words import SHANGHAI
from handoff.naming import CHANNEL_ZH as TALK_ZH
from outreach.plan import Channel, Lane, Tier
from outreach.reading import Stage, Standing
from outreach.reminder_file import EventLine
from store.outreach_models import AttemptState, StepState

TIER_ZH = {Tier.HIGH: "高风险", Tier.MIDDLE: "中风险", Tier.LOW: "低风险"}
LANE_ZH = {Lane.CALL: "电话", Lane.MESSAGE: "消息", Lane.OFFICER: "税务人员"}
CHANNEL_ZH = {
    Channel.CALL: "电话",
    Channel.INBOX: "网页消息",
    Channel.WECHAT: "微信",
    Channel.SMS: "短信",
    Channel.OFFICER: "税务人员",
}
STAGE_ZH = {
    Stage.WAITING: "还没提醒到",
    Stage.NOTIFIED: "已提醒",
    Stage.REACHED: "有人接听",
    Stage.VERIFIED: "核实身份",
    Stage.PROMISED: "承诺缴款",
    Stage.PAID: "已缴清",
}
STANDING_ZH = {
    Standing.ACTIVE: "进行中",
    Standing.PAID: "已缴清",
    Standing.DEFERRED: "已批延期",
    Standing.DISPUTED: "有异议",
    Standing.WITHDRAWN: "税单已撤销",
    Standing.MOVED: "期限已变",
    Standing.FINISHED: "步骤做完",
    Standing.STOPPED: "活动停止",
}
STATE_ZH = {
    StepState.PLANNED: "待做",
    StepState.RUNNING: "正在做",
    StepState.DONE: "做到了",
    StepState.SKIPPED: "不用做",
    StepState.CANCELLED: "取消",
    StepState.FAILED: "没做到",
}
ATTEMPT_ZH = {
    AttemptState.LEASED: "准备中",
    AttemptState.INTENT: "正要发出",
    AttemptState.PLACED: "已发出",
    AttemptState.ENDED: "结束",
}
OUTCOME_ZH: Mapping[str, str] = {
    **CALL_OUTCOME_ZH,
    "queued": "已交发送",
    "delivered": "已送达",
    "failed": "没有送达",
    "unreachable": "这个渠道联系不上",
    "cancelled": "已取消",
}
VERDICT_ZH: Mapping[str, str] = {"go": "去做", "later": "晚些再看", "skip": "不做"}
EVENT_ZH: Mapping[str, str] = {
    "closed": "提醒关闭",
    "reopened": "提醒重新打开",
    "later": "推后",
    "skipped": "不做",
    "dialled": "已拨打",
    "queued": "已交发送",
    "ended": "有了结果",
    "word": "另发了消息",
}
SPEAKER_ZH: Mapping[str, str] = {"bot": "税铃", "caller": "对方", "key": "按键"}


def actor(by: str | None, people: Mapping[str, str]) -> str:
    """Who did something: a colleague by name, else the command line or the system."""
    if by is None:
        return "—"
    return people.get(by) or {"cli": "命令行", "system": "系统"}.get(by, by.removeprefix("staff:"))


def moment(at: datetime | None) -> str:
    """``2026-11-26 09:05`` (Asia/Shanghai), a dash for none."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at is not None else "—"


def short_day(day: date) -> str:
    """``11-26 周四``."""
    return f"{day:%m-%d} 周{'一二三四五六日'[day.weekday()]}"


def share(part: int, whole: int) -> str:
    """``12.5 %``, a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "—"


def outcome_words(outcome: str | None) -> str:
    """An attempt's outcome; ``None``: it is under way."""
    return "进行中" if outcome is None else OUTCOME_ZH.get(outcome, outcome)


def way(channel: str) -> str:
    """A channel of outreach or of a conversation; empty for none."""
    return CHANNEL_ZH[Channel(channel)] if channel in set(Channel) else TALK_ZH.get(channel, channel)


def event_words(event: EventLine) -> str:
    """What happened to a reminder, and why."""
    detail = event.detail
    about = []
    if (reason := detail.get("reason")) in set(Standing):
        about.append(STANDING_ZH[Standing(reason)])
    if outcome := detail.get("outcome"):
        about.append(outcome_words(str(outcome)))
    if channel := detail.get("channel"):
        about.append(way(str(channel)))
    about.extend(str(each) for each in detail.get("reasons", ()))
    if at := detail.get("at"):
        about.append(f"{moment(datetime.fromisoformat(str(at)))} 再看")
    said = EVENT_ZH.get(event.kind, event.kind)
    step = f"{event.step}：" if event.step else ""
    return f"{step}{said}（{'，'.join(about)}）" if about else f"{step}{said}"
