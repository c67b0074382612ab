"""What a carrier's final status means for the call."""

from __future__ import annotations

import pytest

from telephony.carriers.base import CarrierStatus
from telephony.carriers.outcomes import outcome_of
from telephony.events import Outcome

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("status", "sip_code", "outcome"),
    [
        (CarrierStatus.COMPLETED, 200, None),
        (CarrierStatus.RINGING, None, None),
        (CarrierStatus.IN_PROGRESS, None, None),
        (CarrierStatus.BUSY, 486, Outcome.BUSY),
        (CarrierStatus.BUSY, 603, Outcome.REJECTED),
        (CarrierStatus.NO_ANSWER, None, Outcome.NO_ANSWER),
        (CarrierStatus.NO_ANSWER, 603, Outcome.REJECTED),
        (CarrierStatus.CANCELED, None, Outcome.NO_ANSWER),
        (CarrierStatus.FAILED, 404, Outcome.INVALID_NUMBER),
        (CarrierStatus.FAILED, 480, Outcome.NO_ANSWER),
        (CarrierStatus.FAILED, 603, Outcome.REJECTED),
        (CarrierStatus.FAILED, 600, Outcome.BUSY),
        (CarrierStatus.FAILED, 503, Outcome.CARRIER_FAILURE),
        (CarrierStatus.FAILED, None, Outcome.CARRIER_FAILURE),
    ],
)
def test_outcomes(status: CarrierStatus, sip_code: int | None, outcome: Outcome | None) -> None:
    assert outcome_of(status, sip_code) is outcome


def test_every_final_status_but_completed_is_an_outcome() -> None:
    for status in CarrierStatus:
        assert (outcome_of(status) is not None) == (status.terminal and status is not CarrierStatus.COMPLETED)
