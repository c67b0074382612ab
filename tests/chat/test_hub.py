from __future__ import annotations

import uuid
from typing import Any

import pytest

from chat.hub import QUEUE_LIMIT, Hub

pytestmark = pytest.mark.unit

A, B = uuid.uuid4(), uuid.uuid4()


def read(queue: Any) -> list[Any]:
    return [queue.get_nowait() for _ in range(queue.qsize())]


async def test_every_tab_of_a_conversation_hears_it_and_no_other() -> None:
    hub = Hub()
    with hub.listen(A) as one, hub.listen(A) as two, hub.listen(B) as other:
        assert hub.open_sockets == 3
        hub.publish(A, {"type": "message", "id": 1})
        assert read(one) == read(two) == [{"type": "message", "id": 1}]
        assert read(other) == []
    assert hub.open_sockets == 0
    hub.publish(A, {"type": "message", "id": 2})
    assert not hub._readers


async def test_a_reader_that_does_not_read_is_cut_and_the_others_are_not() -> None:
    hub = Hub()
    with hub.listen(A) as slow, hub.listen(A) as quick:
        heard = []
        for n in range(QUEUE_LIMIT + 1):
            hub.publish(A, {"id": n})
            heard += read(quick)
        assert [frame["id"] for frame in heard] == list(range(QUEUE_LIMIT + 1))
        assert slow.get_nowait() is None, "the first thing it reads is that it must come back"
        assert slow.qsize() < QUEUE_LIMIT


async def test_a_reader_that_fails_leaves_no_trace() -> None:
    hub = Hub()
    with pytest.raises(RuntimeError), hub.listen(A):
        raise RuntimeError
    assert hub.open_sockets == 0
