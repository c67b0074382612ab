"""Questions that only make sense after another: 那个体户呢, 要是节假日呢, 那多久呢, 为什么."""

from __future__ import annotations

import re

LONGEST = 16
"""Letters of a question that may lean on the one before; a longer one stands by itself."""

_PLAIN = re.compile(r"\w")
_LEANS = re.compile(
    r"^(那|那么|那要是|那如果|要是|如果|假如|万一|换成|换做|轮到|还有|噶|咁)"
    r"|(呢|咧|嘞|捏)[?？。！!]*$"
)
_BARE = re.compile(
    r"^(那|那么|又|到底|具体)?(是)?(为什么|为啥|为何|凭什么|凭啥|点解|多久|多长时间|多少天|几天|几个月|几耐|好久|多少|多少钱|几多|怎么办|咋办|怎么算|怎么弄|"
    r"什么时候|几时|哪天|在哪|在哪里|去哪|去哪里|哪里办|找谁|谁批|谁来定|要什么|要什么材料|要哪些材料|有什么条件|依据是什么|什么依据|第几条|最长呢|最多呢|最晚呢)"
    r"(呢|啊|呀|嘛|了|的)?[?？。！!]*$"
)

_LEAD = re.compile(r"^(那么|那|又|还有)+")
_WHY = re.compile(
    r"^(那|那么|又|到底|这|这是|是)*(为什么|为啥|为何|凭什么|凭啥|点解|什么依据|依据是什么|第几条)"
)


def asks_why(text: str) -> bool:
    """Whether ``text`` asks for the reason of what was said, and names nothing new."""
    return _WHY.match(text.strip()) is not None and leans(text)


def leans(text: str) -> bool:
    """Whether ``text`` has the form of a follow-up: short, and begun, ended or made up as one."""
    plain = text.strip()
    if not 1 < len(_PLAIN.findall(plain)) <= LONGEST:
        return False
    return _BARE.match(plain) is not None or _LEANS.search(plain) is not None


def without_lead(text: str) -> str:
    """``text`` without the word that ties it to what went before: 那要多久呢 -> 要多久呢."""
    return _LEAD.sub("", text.strip())
