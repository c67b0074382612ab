"""Groups what was not understood or not answered for the supervisor's reports, as ``shuiling mine`` does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from gateway.clock import SHANGHAI
from gateway.examples import Example, read_examples
from gateway.knowledge import VECTORS
from gateway.mining import Doubt, Embed, Group, Vectors, doubts_since, group, stub
from gateway.settings import ROOT
from handoff.questions import QuestionGroup
from handoff.report_rows import Period
from kb.embed import Embedder, embed_cached

BELOW = 0.55
"""Readings less sure than this count as not understood."""


@dataclass(frozen=True, slots=True)
class Mined:
    """A group as the reports show it."""

    group: Group

    @property
    def count(self) -> int:
        """How often it was said."""
        return len(self.group.doubts)

    @property
    def unanswered(self) -> int:
        """How often no article answered it."""
        return sum(doubt.kind == "unanswered" for doubt in self.group.doubts)

    @property
    def texts(self) -> tuple[str, ...]:
        """The different texts, commonest first."""
        return self.group.texts

    @property
    def nearest(self) -> tuple[tuple[str, float], ...]:
        """The nearest intents with their likeness."""
        return self.group.nearest


class QuestionMiner:
    """The grouping with its embedder; ``examples`` is read when first needed, off the event loop.

    ``embed_examples`` may keep its vectors, ``embed`` is for what people said and must not.
    """

    def __init__(
        self, read_examples: Callable[[], Sequence[Example]], embed: Embed, embed_examples: Embed
    ) -> None:
        self._read_examples = read_examples
        self._embed = embed
        self._embed_examples = embed_examples

    async def groups(self, session: AsyncSession, period: Period) -> list[Mined]:
        """The groups of the period, biggest first."""
        doubts = await doubts_since(session, _midnight(period.first), BELOW)
        end = _midnight(period.last + timedelta(days=1))
        return await asyncio.to_thread(self._grouped, [doubt for doubt in doubts if doubt.at < end])

    def examples(self, groups: Sequence[QuestionGroup]) -> str:
        """Groups as Rasa's YAML. Raises :class:`TypeError` for groups that come from elsewhere."""
        found = [each.group for each in groups if isinstance(each, Mined)]
        if len(found) != len(groups):
            raise TypeError("these groups were not made here")
        return stub(found)

    def _grouped(self, doubts: Sequence[Doubt]) -> list[Mined]:
        return [
            Mined(each) for each in group(doubts, self._read_examples(), self._embed, self._embed_examples)
        ]


def question_miner(embedder: Embedder) -> QuestionMiner:
    """The miner over this installation's examples; vectors of examples are kept, those of what people said are not."""

    def cached(texts: Sequence[str]) -> Vectors:
        return embed_cached(embedder, texts, VECTORS)

    return QuestionMiner(lambda: read_examples(ROOT / "nlu_data" / "nlu"), embedder.embed, cached)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)
