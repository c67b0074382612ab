from __future__ import annotations

import uuid
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.links import LIFE_S, DocumentLinks

pytestmark = pytest.mark.unit

PAPER, OTHER = uuid.uuid4(), uuid.uuid4()


class Time:
    now = 1_800_000_000.5

    def __call__(self) -> float:
        return self.now


def parts(path: str) -> tuple[uuid.UUID, int, str]:
    split = urlsplit(path)
    query = parse_qs(split.query)
    assert split.path.startswith("/chat/documents/") and split.path.endswith(".pdf")
    return uuid.UUID(split.path[16:-4]), int(query["until"][0]), query["sign"][0]


def test_a_link_opens_its_own_paper_for_a_day() -> None:
    time = Time()
    links = DocumentLinks("a-key", time)
    paper, until, sign = parts(links.make(PAPER))
    assert paper == PAPER
    assert links.valid(paper, until, sign)
    assert not links.valid(OTHER, until, sign)
    time.now += LIFE_S - 1
    assert links.valid(paper, until, sign)
    time.now += 1
    assert not links.valid(paper, until, sign)


def test_a_link_cannot_be_stretched_or_signed_by_another() -> None:
    links = DocumentLinks("a-key", Time())
    paper, until, sign = parts(links.make(PAPER))
    assert not links.valid(paper, until + 3600, sign)
    assert not DocumentLinks("another-key", Time()).valid(paper, until, sign)
    for forged in (
        "",
        sign[:-1],
        sign[:-1] + ("0" if sign[-1] != "0" else "1"),
        sign.upper(),
        "签名",
        sign * 2,
    ):
        assert not links.valid(paper, until, forged)
