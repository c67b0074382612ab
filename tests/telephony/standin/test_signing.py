"""Signatures against Twilio's own validator."""

from __future__ import annotations

import pytest
from twilio.request_validator import RequestValidator

from telephony.standin.signing import Signer, resolved

pytestmark = pytest.mark.unit
SIGNER = Signer("secret-token", "http://127.0.0.1:8000")
URL = "https://voice.example.test/voice/status?call=1"
FORM = {"CallSid": "CA1", "To": "+8613900001234", "CallStatus": "ringing", "空": ""}


def test_twilios_validator_takes_it() -> None:
    validator = RequestValidator("secret-token")
    assert validator.validate(URL, FORM, SIGNER.signature(URL, FORM))
    assert not validator.validate(URL, {**FORM, "To": "+8613900001235"}, SIGNER.signature(URL, FORM))
    assert not validator.validate(URL + "2", FORM, SIGNER.signature(URL, FORM))


def test_the_upgrade_is_signed_over_its_wss_url() -> None:
    url = "wss://voice.example.test/voice/stream"
    assert RequestValidator("secret-token").validate(url, {}, SIGNER.signature(url))


def test_a_forgery_is_none_of_ours() -> None:
    assert not RequestValidator("secret-token").validate(URL, FORM, SIGNER.signature(URL, FORM, forged=True))


def test_public_addresses_are_reached_at_the_gateways_own() -> None:
    assert SIGNER.reach(URL) == "http://127.0.0.1:8000/voice/status?call=1"
    assert SIGNER.reach("wss://voice.example.test/voice/stream") == "ws://127.0.0.1:8000/voice/stream"
    assert Signer("t", "https://10.0.0.1").reach("wss://voice.example.test/s") == "wss://10.0.0.1/s"


def test_relative_addresses_are_completed_and_connection_settings_cut_off() -> None:
    assert resolved("/after#rc=3", "https://a.test/voice/twiml?call=1") == "https://a.test/after"
    assert resolved("https://b.test/x", "https://a.test/y") == "https://b.test/x"
