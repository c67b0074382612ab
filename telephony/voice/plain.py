"""Takes out what only eyes can use: markup, bullets, brackets, quotation marks, addresses of pages, emoji."""

from __future__ import annotations

import re
import unicodedata

from telephony.voice.figures import cardinal

_LINK = re.compile(r"\[([^\]\n]+)\]\([^)\s]+\)")
_URL = re.compile(r"(?:https?://|www\.)[A-Za-z0-9.-]+(?:[:/?#][A-Za-z0-9._~:/?#@!$&'*+;=%-]*)?", re.I)
_TAX_SITE = re.compile(r"^(?:https?://)?(?:[a-z0-9-]+\.)*chinatax\.gov\.cn", re.I)
_HEADING = re.compile(r"^[ \t]*(?:#{1,6}|>)[ \t]+", re.M)
_NUMBERED = re.compile(
    r"(?:^|(?<=[\n。；;：:]))[ \t]*(?:[(（](\d{1,2})[)）]|(\d{1,2})(?:[.、)）](?!\d)))[ \t]*"
)
_BULLET = re.compile(r"^[ \t]*[-*+•·●▪][ \t]+", re.M)
_MASKED_NAME = re.compile(
    r"([\u4e00-\u9fff])(\*{1,2})(?=先生|女士|小姐|老板|同志|的|您|吗|[，。！？、；：,.!?\s（(]|$)"
)
_BOLD = re.compile(r"(?<![*_])(\*\*|__)(?=[^\s*_])([^*_\n]+?)(?<=\S)\1(?![*_])")
_STRIKE = re.compile(r"~~(?=\S)([^~\n]+?)~~|`([^`\n]+)`")
_SOMEBODY = re.compile(r"(?<![A-Za-z])[Xx×]{2,}(?=[\u4e00-\u9fff])")
_OPENING = re.compile(r"[ \t]*[（(\[【〔{]")
_CLOSING = re.compile(r"[)）\]】〕}]")
_QUOTES = re.compile(r"[《》〈〉“”‘’\"'「」『』]")
_DASH = re.compile(r"[—–]{2,}|…+|\.{3,}|[|｜]+")
_LINES = re.compile(r"[ \t]*([。！？；：，、!?;:,]?)[ \t]*\n[\s]*")


def flatten(text: str) -> str:
    """The same words without markup; ASCII digits and letters for full-width ones, lists as 第一，….

    A link keeps its words; a page's address becomes 税务局官方网站 or 网站, as nobody can take one down by ear.
    """
    text = "".join(_narrow(sign) for sign in text)
    text = _LINK.sub(r"\1", text)
    text = _URL.sub(lambda found: "税务局官方网站" if _TAX_SITE.match(found[0]) else "网站", text)
    text = _HEADING.sub("", text)
    text = _NUMBERED.sub(lambda found: f"第{cardinal(found[1] or found[2])}，", text)
    text = _BULLET.sub("", text)
    text = _MASKED_NAME.sub(_name, text)
    text = _SOMEBODY.sub("某", text)
    text = _BOLD.sub(r"\2", text)
    text = _STRIKE.sub(lambda found: found[1] or found[2], text)
    text = _QUOTES.sub("", text)
    text = _DASH.sub("，", text)
    return _LINES.sub(lambda found: f"{found[1] or '。'}", text.strip())


def _name(found: re.Match[str]) -> str:
    """王** as 王某某, unless the stars end an emphasis begun earlier in the line."""
    line = found.string[found.string.rfind("\n", 0, found.start()) + 1 : found.end(1)]
    if len(found[2]) == 2 and line.count("**") % 2:
        return found[0]
    return found[1] + "某" * len(found[2])


def unbracket(text: str) -> str:
    """Brackets as short pauses."""
    return _CLOSING.sub("，", _OPENING.sub("，", text))


def _narrow(sign: str) -> str:
    if sign.isascii():
        return sign if sign.isprintable() or sign == "\n" else " "
    if "\uff10" <= sign <= "\uff5a" and (folded := unicodedata.normalize("NFKC", sign)).isalnum():
        return folded
    if sign in "％＋－＊＃￥＝～／．＠＆":
        return unicodedata.normalize("NFKC", sign)
    kind = unicodedata.category(sign)
    if kind in ("Nd", "No"):
        value = unicodedata.numeric(sign)
        if "\u2460" <= sign <= "\u24ff":
            return f"\n({int(value)})"
        return f"{int(value) if value == int(value) else round(value, 3)}"
    if kind in ("So", "Sk", "Cf", "Cs", "Co", "Cn", "Mn", "Me"):
        return ""
    return " " if kind in ("Zs", "Zl", "Zp", "Cc") else sign
