"""The reply in the same request: one text, within five seconds."""

from __future__ import annotations

from chat.wechat.incoming import Ends

NOTHING = "success"
"""Taken, and nothing to say now; without it WeChat asks twice more and tells the taxpayer that something is broken."""


def text_reply(ends: Ends, text: str, now: float) -> str:
    """XML of a text to who wrote; ``now``: Unix time."""
    return (
        f"<xml><ToUserName>{_cdata(ends.openid)}</ToUserName><FromUserName>{_cdata(ends.account)}</FromUserName>"
        f"<CreateTime>{int(now)}</CreateTime><MsgType>{_cdata('text')}</MsgType>"
        f"<Content>{_cdata(text)}</Content></xml>"
    )


def _cdata(text: str) -> str:
    kept = "".join(sign for sign in text if sign >= " " or sign in "\t\n")
    return f"<![CDATA[{kept.replace(']]>', ']]]]><![CDATA[>')}]]>"
