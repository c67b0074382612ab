"""Run in Rasa's own environment by test_ahead.py: how often the model of the vectors is asked for each text, before and while it is read.

Usage: ``reading_ahead.py MODEL``. Prints one JSON object: a text, and the two lists of what was asked.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys

import structlog
from rasa.core.agent import Agent

from bot.components.ahead import read_ahead
from bot.components.vectors import SentenceVectors

TEXTS = ["滞纳金 怎么算", "俺想问哈子好多钱", "Ａ公司２月的税，能不能缓一缓", "我要转人工", "/restart", " "]


class Watched:
    """The real model, and what it was asked."""

    def __init__(self, model: object) -> None:
        self._model = model
        self.asked: list[str] = []

    def query(self, texts: list[str]) -> object:
        self.asked += texts
        return self._model.query(texts)  # type: ignore[attr-defined]


def main(model: str) -> None:
    """Read each text ahead, then read it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    watched = Watched(SentenceVectors()._open())
    SentenceVectors._open = lambda self: watched  # type: ignore[assignment,method-assign,return-value]
    agent = Agent.load(model_path=model)
    loop = asyncio.new_event_loop()
    found = {}
    for text in TEXTS:
        watched.asked = []
        read_ahead(text)
        ahead, watched.asked = watched.asked, []
        loop.run_until_complete(agent.parse_message(text))
        found[text] = [ahead, watched.asked]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
