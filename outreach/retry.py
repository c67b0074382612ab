"""What follows a try at a step, by its outcome: the same again, another number, another channel, an officer, the end."""

from __future__ import annotations

from datetime import datetime

from outreach.hours import ContactHours
from outreach.plan import LANES, Channel, Lane, Plan, StepPlan, Then
from outreach.terms import Again, Finished, Following, Receipt

MESSAGES = (Channel.INBOX, Channel.WECHAT, Channel.SMS)
"""What a call becomes when it goes on as a message."""
_SETTLED = frozenset({"completed", "human", "callback", "opted_out"})
"""The step has done its work. The names are those of ``telephony.events.Outcome``, which this room does not know."""
_REACHED = _SETTLED | {"not_verified"}
_UNDELIVERED = frozenset({Receipt.FAILED.value, Receipt.UNREACHABLE.value})


def reached(outcome: str) -> bool:
    """Whether a person who may be the taxpayer spoke with us. A wrong person is none, nor who hung up at once."""
    return outcome in _REACHED


def delivered(outcome: str) -> bool:
    """Whether a message arrived."""
    return outcome == Receipt.DELIVERED


def following(
    outcome: str,
    step: StepPlan,
    tries: int,
    now: datetime,
    plan: Plan,
    region: str,
    *,
    numbers: int,
    untried: int,
) -> Following:
    """What follows a try that ended with ``outcome``.

    ``outcome``: a value of ``telephony.events.Outcome``, of :class:`Receipt`, or ``cancelled``. ``tries``: how many of
    this step there were, this one included. ``numbers``: how many are registered; ``untried``: how many of them may be called and were not in this step.
    The same way is tried again while ``tries`` is below the rule's ``most``, another number once each; then there is one
    step on to messages and one to an officer, so that every step comes to an end.
    """
    if outcome in _SETTLED or delivered(outcome):
        return Finished(reached=True)
    rule = plan.retries.get(outcome)
    if rule is None or tries >= _ceiling(plan, numbers):
        return Finished(reached=False)
    by_message = outcome in _UNDELIVERED and step.lane is Lane.CALL

    def at_next_hour(ways: tuple[Channel, ...], earliest: datetime = now) -> Again:
        lane = LANES[ways[0]] if ways else step.lane
        return Again(ContactHours.of(plan.limits, lane).next_open(earliest, region), channels=ways)

    if tries < rule.most:
        return at_next_hour(MESSAGES if by_message else (), now + rule.after)
    match rule.then:
        case Then.OTHER_NUMBER if untried and step.lane is Lane.CALL and not by_message:
            return Again(at_next_hour(()).at, other_number=True)
        case Then.OTHER_NUMBER | Then.MESSAGE if outcome not in _UNDELIVERED:
            return at_next_hour(MESSAGES)
        case Then.OFFICER if step.lane is not Lane.OFFICER:
            return at_next_hour((Channel.OFFICER,))
        case _:
            return Finished(reached=False)


def _ceiling(plan: Plan, numbers: int) -> int:
    """More tries than this no step has: after the last call one message and one task for an officer."""
    return max(numbers, *(rule.most for rule in plan.retries.values())) + 2
