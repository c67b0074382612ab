"""Rasa's tracker in PostgreSQL, bounded: a long talk costs as much per turn as a short one.

Rasa replays every event since the last session start on each turn and sends them all with each action call. Here a
new session, holding the slots and the active form as they stand, is opened in the same conversation whenever the
current one has grown past ``max_session_events``. Nothing the dialogue decides on is lost: rules look at slots, the
active form and the latest turn only.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterable
from typing import Any

from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.events import (
    ActionExecuted,
    ActiveLoop,
    BotUttered,
    Event,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker


class BoundedTrackerStore(SQLTrackerStore):
    """``SQLTrackerStore`` that starts a fresh session once the current one is long."""

    def __init__(self, *args: Any, max_session_events: int = 60, **kwargs: Any) -> None:
        self._max_session_events = int(max_session_events)
        super().__init__(*args, **kwargs)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Store new events; compact when the turn is over and the session is long."""
        await super().save(tracker)
        turn_is_over = tracker.latest_action_name == ACTION_LISTEN_NAME
        if turn_is_over and len(tracker.events) > self._max_session_events:
            self._append(tracker.sender_id, fresh_session(tracker))

    def _append(self, sender_id: str, events: Iterable[Event]) -> None:
        with self.session_scope() as session:
            for event in events:
                data = event.as_dict()
                session.add(
                    self.SQLEvent(
                        sender_id=sender_id,
                        type_name=event.type_name,
                        timestamp=data.get("timestamp"),
                        intent_name=None,
                        action_name=data.get("name"),
                        data=json.dumps(data),
                    )
                )
            session.commit()


def fresh_session(tracker: DialogueStateTracker) -> list[Event]:
    """Events that rebuild the tracker's slots and active form, in an order that replays.

    The last turn is carried over, so that a repeated message id is still recognised.
    """
    now = time.time()
    events: list[Event] = [
        ActionExecuted(ACTION_SESSION_START_NAME, timestamp=now - 1e-3),
        SessionStarted(timestamp=now),
        ActionExecuted(ACTION_LISTEN_NAME, timestamp=now),
        *_last_turn(tracker),
    ]
    events += [
        SlotSet(name, slot.value, timestamp=now)
        for name, slot in tracker.slots.items()
        if slot.value is not None and slot.value != slot.initial_value
    ]
    if tracker.active_loop_name:
        events.append(ActiveLoop(tracker.active_loop_name, timestamp=now))
    events.append(ActionExecuted(ACTION_LISTEN_NAME, timestamp=now))
    return events


def _last_turn(tracker: DialogueStateTracker) -> list[Event]:
    turn: list[Event] = []
    for event in reversed(tracker.events):
        if isinstance(event, BotUttered):
            turn.append(event)
        elif isinstance(event, UserUttered):
            turn.append(event)
            break
    now = time.time()
    return [_at(event, now) for event in reversed(turn)]


def _at(event: Event, timestamp: float) -> Event:
    moved = copy.copy(event)
    moved.timestamp = timestamp
    return moved
