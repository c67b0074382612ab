from __future__ import annotations

import pytest

from tax import citations

pytestmark = pytest.mark.unit


def test_printed_form() -> None:
    assert str(citations.LAW_32) == "《税收征收管理法》第三十二条"
    assert str(citations.RULES_75) == "《税收征收管理法实施细则》第七十五条"
    assert str(citations.NOTICE_2019_48_1) == "国家税务总局公告2019年第48号第一条"


def test_every_article_is_found_by_its_printed_form() -> None:
    assert all(citations.lookup(str(c)) is c for c in citations.REGISTRY)
    assert citations.lookup("《税收征收管理法》第九百条") is None


def test_registry_holds_every_citation_of_the_module() -> None:
    named = {c for c in vars(citations).values() if isinstance(c, citations.Citation)}
    assert named == set(citations.REGISTRY)
