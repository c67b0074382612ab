"""Twilio's refusals in words that say what to do (Twilio's Error and Warning Dictionary).

Twilio's own messages are never passed on: they repeat the number that was called.
"""

from __future__ import annotations

from telephony.carriers.base import CarrierError
from telephony.events import Outcome

ALREADY_ENDED = 21220
"""Invalid call state: the call is over."""
NOT_FOUND = 20404
_KEYS = "SHUILING_TWILIO_ACCOUNT_SID 和 SHUILING_TWILIO_AUTH_TOKEN"
_NO_NUMBER = "Twilio 认为被叫号码无效或打不通，请核对号码。"
_WORDS = {
    10001: "Twilio 账户已停用，请登录 Twilio 控制台查看原因。",
    10004: "Twilio 账户的同时通话数已到上限，请稍后再拨，或在控制台提高上限。",
    20003: f"Twilio 的账号或令牌不对，请核对 {_KEYS}。",
    20008: f"现在用的是 Twilio 的测试凭据，不能真的拨号，请换成正式的 {_KEYS}。",
    NOT_FOUND: "Twilio 上没有这通电话，请核对账号是否换过。",
    20429: "请求太频繁，Twilio 没有受理，请放慢速度后再拨。",
    21201: "没有写被叫号码。",
    21205: "Twilio 不接受回调地址，请核对 SHUILING_VOICE_ORIGIN 是否为公网 https 地址。",
    21210: "主叫号码不属于这个 Twilio 账户，请核对 SHUILING_TWILIO_FROM。",
    21212: "主叫号码的格式不对，请核对 SHUILING_TWILIO_FROM（例如 +15005550006）。",
    21215: "Twilio 账户没有开通呼叫这个国家或地区的权限，请在控制台的 Voice Geographic Permissions 里开通；中国大陆无法开通。",
    21216: "Twilio 拦截了这个被叫号码，请联系 Twilio 客服。",
    21219: "试用账户只能呼叫已验证的号码，请先在控制台验证号码或升级账户。",
    ALREADY_ENDED: "通话已经结束，无法再操作。",
    21609: "Twilio 打不开状态回调地址，请核对 SHUILING_VOICE_ORIGIN 是否为公网地址。",
    21610: "对方已经在 Twilio 退订，不能再联系这个号码。",
    22005: "Twilio 的排队已满，请放慢速度后再拨。",
    13227: "Twilio 账户没有开通呼叫这个国家或地区的权限，请在控制台的 Voice Geographic Permissions 里开通；中国大陆无法开通。",
}
_INVALID_NUMBER = frozenset({13223, 13224, 21211, 21214, 21217})


def refusal(status: int, code: int | None) -> CarrierError:
    """The error for HTTP ``status`` (4xx) and Twilio's ``code``."""
    if code in _INVALID_NUMBER:
        return CarrierError(f"{_NO_NUMBER}（错误码 {code}）", Outcome.INVALID_NUMBER)
    if code == 21610:
        return CarrierError(f"{_WORDS[code]}（错误码 {code}）", Outcome.OPTED_OUT)
    known = _WORDS.get(code or 0)
    if known is None and status in (401, 403):
        known = f"Twilio 拒绝了访问，请核对 {_KEYS}，以及账户的权限。"
    if known is None and status == 429:
        known = _WORDS[20429]
    if known is None:
        known = "Twilio 拒绝了请求，请在 Twilio 控制台的 Monitor → Errors 里按错误码查看说明。"
    return CarrierError(f"{known}（错误码 {code or status}）")
