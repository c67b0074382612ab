"""Whole calls against a small gateway: status callbacks, TwiML, the media stream, faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from twilio.request_validator import RequestValidator

from telephony.carriers.base import CarrierStatus
from telephony.media.twilio_stream import Reader
from telephony.standin import callbacks
from telephony.standin import exchange as exchange_module
from telephony.standin.call import Call
from telephony.standin.cast import Member
from telephony.standin.exchange import Exchange
from telephony.standin.faults import Faults
from telephony.standin.figures import measure
from telephony.standin.orders import CallOrder
from telephony.standin.script import Script
from telephony.standin.sound import audible
from tests.telephony.standin.fakes import (
    CALLED,
    CALLER,
    PUBLIC,
    TOKEN,
    FakeGateway,
    Wire,
    come_about,
    ended,
    exchange_for,
    script,
    served,
)

pytestmark = pytest.mark.unit
VALIDATOR = RequestValidator(TOKEN)


def order(**change: object) -> CallOrder:
    return CallOrder(
        **{
            "to": CALLED,
            "from_": CALLER,
            "url": f"{PUBLIC}/voice/twiml?call=1",
            "twiml": None,
            "status_callback": f"{PUBLIC}/voice/status?call=1",
            "events": ("initiated", "ringing", "answered", "completed"),
            "ring_s": 5,
            "limit_s": 60,
            "detection": None,
            "async_amd": True,
            "amd_callback": f"{PUBLIC}/voice/amd",
            **change,
        }  # type: ignore[arg-type]
    )


async def called(
    gateway: FakeGateway,
    who: Script | None,
    *,
    faults: Faults | None = None,
    meanwhile: Callable[[Exchange, Call], Awaitable[None]] | None = None,
    **change: object,
) -> Call:
    """Place one call and wait for its end."""
    async with served(gateway.app) as origin, exchange_for(origin) as exchange:
        exchange.faults = faults or Faults()
        if who is not None:
            await exchange.assign(CALLED, who, "mandarin", {})
        call = exchange.place(order(**change))
        if meanwhile is not None:
            await meanwhile(exchange, call)
        return await ended(exchange, call.sid)


async def listens(wire: Wire) -> None:
    """A bot that greets and then only listens, until the caller hangs up."""
    await wire.say(300, "opening")
    await wire.until("stop")


# --- status, signatures, TwiML ---


async def test_a_call_is_told_step_by_step_and_signed() -> None:
    gateway = FakeGateway(listens)
    call = await called(gateway, script("  - wait: 200ms\n  - hang_up"))
    told = gateway.told("/voice/status")
    assert [form["CallStatus"] for form in told] == ["initiated", "ringing", "in-progress", "completed"]
    assert [form["SequenceNumber"] for form in told] == ["0", "1", "2", "3"]
    assert {form["CallSid"] for form in told} == {call.sid}
    assert told[-1]["CallDuration"] == str(call.seconds)
    assert {form["CallbackSource"] for form in told} == {"call-progress-events"}
    for url, form, headers in gateway.requests:
        assert VALIDATOR.validate(PUBLIC + url, form, headers["x-twilio-signature"])
        assert headers["i-twilio-idempotency-token"]
    assert VALIDATOR.validate(
        "wss://voice.example.test/voice/stream", {}, gateway.upgrades[0]["x-twilio-signature"]
    )


@pytest.mark.parametrize(
    ("step", "status", "sip"),
    [
        ("busy", CarrierStatus.BUSY, "486"),
        ("reject", CarrierStatus.BUSY, "603"),
        ("no_answer", CarrierStatus.NO_ANSWER, "487"),
        ("invalid", CarrierStatus.FAILED, "404"),
    ],
)
async def test_nobody_answers(step: str, status: CarrierStatus, sip: str) -> None:
    gateway = FakeGateway()
    call = await called(gateway, script(f"  - {step}"), ring_s=1)
    assert call.status is status
    last = gateway.told("/voice/status")[-1]
    assert (last["CallStatus"], last["SipResponseCode"], last["CallDuration"]) == (status.value, sip, "0")
    assert not gateway.told("/voice/twiml")


async def test_a_number_nobody_has_is_dead() -> None:
    call = await called(FakeGateway(), None)
    assert call.status is CarrierStatus.FAILED


async def test_a_call_can_be_cancelled_while_it_rings() -> None:
    async def cancel(exchange: Exchange, call: Call) -> None:
        exchange.end(call, CarrierStatus.CANCELED)

    gateway = FakeGateway()
    call = await called(gateway, script("  - wait: 1s", ring="4s"), meanwhile=cancel)
    assert call.status is CarrierStatus.CANCELED


async def test_events_not_asked_for_are_not_told() -> None:
    gateway = FakeGateway(listens)
    await called(gateway, script("  - hang_up"), events=("completed",))
    assert [form["CallStatus"] for form in gateway.told("/voice/status")] == ["completed"]


async def test_when_our_side_closes_the_socket_the_next_verb_runs() -> None:
    gateway = FakeGateway(_closes)
    gateway.answers["/voice/twiml"] = (
        '<Response><Connect><Stream url="wss://voice.example.test/voice/stream"/></Connect>'
        "<Dial timeLimit='1'><Conference>help-1</Conference></Dial><Redirect>/voice/last</Redirect></Response>"
    )
    gateway.answers["/voice/last"] = "<Response><Hangup/></Response>"
    call = await called(gateway, script("  - wait: 30s"))
    assert call.dialled_on == "conference:help-1"
    assert gateway.told("/voice/last")
    assert call.status is CarrierStatus.COMPLETED


async def test_a_live_call_can_be_redirected_and_ended() -> None:
    async def redirect(exchange: Exchange, call: Call) -> None:
        await come_about(lambda: gateway.wires)
        await gateway.wires[0].until("media")
        exchange.redirect(call, None, "<Response><Dial><Number>+8612366</Number></Dial></Response>")
        await gateway.wires[0].until("stop")
        await come_about(lambda: call.dialled_on)
        exchange.end(call, CarrierStatus.COMPLETED)

    gateway = FakeGateway(listens)
    call = await called(gateway, script("  - wait: 30s"), meanwhile=redirect)
    assert call.dialled_on == "number:+8612366"
    assert call.status is CarrierStatus.COMPLETED


async def test_the_time_limit_ends_a_call() -> None:
    gateway = FakeGateway(listens)
    call = await called(gateway, script("  - wait: 30s"), limit_s=1)
    assert call.status is CarrierStatus.COMPLETED
    assert call.recording is not None
    assert call.recording.length_ms <= 1100


async def test_twiml_that_cannot_be_run_ends_the_call_and_is_noted() -> None:
    gateway = FakeGateway()
    gateway.answers["/voice/twiml"] = "<Response><Dance/></Response>"
    call = await called(gateway, script("  - wait: 5s"))
    assert call.status is CarrierStatus.COMPLETED
    assert call.errors == {12200: 1}


async def test_a_callback_that_fails_is_sent_again_with_the_same_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callbacks, "PAUSES_S", (0.01, 0.01, 0.01))
    gateway = FakeGateway(listens)
    gateway.failing = {"/voice/status": 2}
    await called(gateway, script("  - hang_up"), events=("initiated", "completed"))
    told = gateway.told("/voice/status")
    tokens = [
        headers["i-twilio-idempotency-token"] for url, _, headers in gateway.requests if "status" in url
    ]
    assert [form["CallStatus"] for form in told] == ["initiated"] * 3 + ["completed"]
    assert len(set(tokens[:3])) == 1
    assert tokens[3] not in tokens[:3]


@pytest.mark.parametrize(
    ("steps", "mode", "answered_by"),
    [
        ("  - machine: {greeting: 留言, beep: true}", "DetectMessageEnd", "machine_end_beep"),
        ("  - machine: {greeting: 留言, beep: false}", "Enable", "machine_start"),
    ],
)
async def test_machines_are_detected(steps: str, mode: str, answered_by: str) -> None:
    async def waits(wire: Wire) -> None:
        async with asyncio.timeout(8):
            while not gateway.told("/voice/amd"):
                gateway.arrived.clear()
                await gateway.arrived.wait()

    gateway = FakeGateway(waits)
    call = await called(gateway, script(steps), detection=mode)
    assert gateway.told("/voice/amd")[0]["AnsweredBy"] == answered_by
    assert call.answered_by == answered_by
    assert gateway.told("/voice/status")[-1]["AnsweredBy"] == answered_by


# --- the media stream ---


async def test_the_stream_speaks_media_streams_and_our_reader_takes_all_of_it() -> None:
    gateway = FakeGateway(listens)
    await called(gateway, script('  - say: 喂\n  - press: "1#"\n    every: 40ms\n  - hang_up'))
    wire = gateway.wires[0]
    kinds = [message["event"] for message in wire.messages]
    assert kinds[:2] == ["connected", "start"]
    assert kinds[-1] == "stop"
    assert wire.of("start")[0]["start"]["customParameters"] == {"call": "c-1"}
    assert [message["dtmf"]["digit"] for message in wire.of("dtmf")] == ["1", "#"]
    numbers = [int(message["sequenceNumber"]) for message in wire.messages[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    stamps = [int(message["media"]["timestamp"]) for message in wire.of("media")]
    assert stamps == [20 * number for number in range(len(stamps))]
    reader = Reader()
    assert all(type(reader.read(raw)).__name__ != "Garbage" for raw in wire.raw)


async def test_marks_come_back_when_played_in_order_and_at_the_pace_of_speech() -> None:
    gateway = FakeGateway(_two_marks)
    call = await called(gateway, script("  - wait: 30s"))
    assert call.recording is not None
    (first, _, _), (second, _, _) = call.recording.marks
    assert [name for _, name, cleared in call.recording.marks if not cleared] == ["a", "b"]
    heard = call.recording.heard_spans()
    assert sum(until - began for began, until in heard) == 600
    # Marks cannot come before their audio has been heard, however fast it was sent.
    assert first >= heard[0][0] + 200
    assert second >= heard[0][0] + 600
    assert call.recording.arrivals[-1].at_ms < second


async def test_clear_stops_the_sound_and_returns_the_marks_at_once() -> None:
    gateway = FakeGateway(_clears)
    call = await called(gateway, script("  - wait: 30s"))
    assert call.recording is not None
    assert [(name, cleared) for _, name, cleared in call.recording.marks] == [
        ("long", True),
        ("after", False),
    ]
    spoken = sum(until - began for began, until in call.recording.heard_spans())
    assert 100 < spoken < 3000


async def test_a_mark_that_was_cleared_is_no_question_heard_and_what_comes_again_was_held() -> None:
    gateway = FakeGateway(_holds)
    first, again = (f'  - wait_for: {{mark: "1:{piece}:who"}}\n    within: 1s\n' for piece in ("1", "1.1"))
    call = await called(gateway, script(f"{first}{again}  - hang_up"))
    assert call.recording is not None
    assert [(name, cleared) for _, name, cleared in call.recording.marks] == [
        ("1:1:who", True),
        ("1:1.1:who", False),
    ]
    assert call.view()["notes"] == ["等了 1 秒：没等到标记"]
    assert len(call.recording.clears) == 1 and call.recording.resumed == call.recording.clears


async def test_the_caller_is_recorded_as_sent_and_figures_come_of_it() -> None:
    gateway = FakeGateway(_answers)
    call = await called(
        gateway, script("  - wait_for: bot_done\n  - say: 一二三\n  - wait_for: bot_done\n  - hang_up")
    )
    recording = call.recording
    assert recording is not None
    frames = [recording.caller[at : at + 160] for at in range(0, len(recording.caller), 160)]
    spoken = [number * 20 for number, frame in enumerate(frames) if audible(bytes(frame))]
    assert (spoken[0], spoken[-1] + 20) == (recording.said[0].began_ms, recording.said[0].ended_ms)
    figures = measure(recording)
    assert len(figures.reply_gaps) == 1
    assert figures.greeting is not None
    assert recording.stereo()[:4] == b"RIFF"
    json.dumps(recording.timeline())
    json.dumps(call.view())


async def test_messages_the_carrier_does_not_take_are_counted_and_ignored() -> None:
    gateway = FakeGateway(_misbehaves)
    call = await called(gateway, script("  - wait: 30s"))
    assert call.errors == {31950: 1, 31951: 3}
    assert call.recording is not None
    assert [name for _, name, _ in call.recording.marks] == ["end"]


async def test_a_refused_stream_ends_the_call() -> None:
    call = await called(FakeGateway(), script("  - wait: 30s"))
    assert call.errors == {31920: 1}
    assert call.status is CarrierStatus.COMPLETED


# --- faults ---


async def test_a_cut_socket_says_no_goodbye_and_the_call_is_over() -> None:
    gateway = FakeGateway(listens)
    call = await called(gateway, script("  - wait: 30s"), faults=Faults(cut_at_s=0.4))
    assert not gateway.wires[0].of("stop")
    assert call.recording is not None
    assert call.recording.length_ms == 400
    assert call.notes == ["媒体流：cut"]


async def test_callbacks_can_come_twice_with_one_token() -> None:
    gateway = FakeGateway(listens)
    await called(gateway, script("  - hang_up"), faults=Faults(callback_twice=True))
    told = [
        (form["CallStatus"], headers["i-twilio-idempotency-token"])
        for url, form, headers in gateway.requests
        if "status" in url
    ]
    assert len(told) == 8
    assert len(set(told)) == 4


async def test_callbacks_can_come_out_of_order() -> None:
    gateway = FakeGateway(listens)
    await called(gateway, script("  - hang_up"), faults=Faults(callback_shuffled=True))
    assert [form["SequenceNumber"] for form in gateway.told("/voice/status")] == ["1", "0", "3", "2"]


async def test_forged_requests_do_not_pass_the_validator() -> None:
    gateway = FakeGateway(listens)
    await called(gateway, script("  - hang_up"), faults=Faults(forged=True))
    for url, form, headers in gateway.requests:
        assert not VALIDATOR.validate(PUBLIC + url, form, headers["x-twilio-signature"])
    signature = gateway.upgrades[0]["x-twilio-signature"]
    assert not VALIDATOR.validate("wss://voice.example.test/voice/stream", {}, signature)


async def test_a_wrong_codec_is_announced() -> None:
    gateway = FakeGateway(listens)
    await called(gateway, script("  - hang_up"), faults=Faults(wrong_codec=True))
    assert gateway.wires[0].of("start")[0]["start"]["mediaFormat"]["encoding"] == "audio/l16"


async def test_a_second_stream_for_the_same_call_replays_its_start() -> None:
    async def closes(wire: Wire) -> None:
        return

    gateway = FakeGateway(listens, closes)
    call = await called(gateway, script("  - wait: 1s\n  - hang_up"), faults=Faults(second_socket_at_s=0.2))
    assert gateway.wires[1].of("start") == gateway.wires[0].of("start")
    assert call.notes == ["第二条连接被对方关闭"]


async def test_a_slow_carrier_reads_late() -> None:
    gateway = FakeGateway(_ten_pieces)
    call = await called(gateway, script("  - wait: 1s\n  - hang_up"), faults=Faults(slow_ms=50))
    assert call.recording is not None
    arrivals = [one.at_ms for one in call.recording.arrivals]
    assert arrivals[-1] - arrivals[0] >= 9 * 50 - 1


async def test_a_scripts_own_faults_are_those_of_its_call() -> None:
    gateway = FakeGateway(listens)
    await called(gateway, script("  - hang_up", faults="{callback_twice: true}"))
    assert len(gateway.told("/voice/status")) == 8


async def test_the_usual_pace_is_kept_between_calls() -> None:
    gateway = FakeGateway()
    async with served(gateway.app) as origin, exchange_for(origin, calls_per_second=10) as exchange:
        await exchange.assign(CALLED, script("  - busy"), "mandarin", {})
        calls = [exchange.place(order()) for _ in range(4)]
        for call in calls:
            await ended(exchange, call.sid)
    # Each has a time before which it is not dialled; on a busy machine one may come late and the next in time.
    first = calls[0].created.timestamp()
    waited = [call.dialled.timestamp() - first for call in calls if call.dialled]
    assert len(waited) == 4
    assert all(seconds >= 0.1 * place - 0.01 for place, seconds in enumerate(waited))


async def test_people_of_the_cast_pick_up_with_the_usual_script_and_nobody_else_does() -> None:
    gateway = FakeGateway(listens)
    member = Member("a", "t-1", CALLED, {"last4": "0318"})
    other = Member("b", "t-2", "+8619900000098", {}, "busy")
    usual = {
        "pays": script('  - press: "{last4}"\n    every: 20ms\n  - hang_up'),
        "busy": script("  - busy"),
    }
    async with (
        served(gateway.app) as origin,
        exchange_for(origin, cast=[member, other], usual=usual) as exchange,
    ):
        call = await ended(exchange, exchange.place(order()).sid)
        engaged = await ended(exchange, exchange.place(order(to=other.to)).sid)
        stranger = await ended(exchange, exchange.place(order(to="+8619900000099")).sid)
    assert engaged.status is CarrierStatus.BUSY
    assert "".join(message["dtmf"]["digit"] for message in gateway.wires[0].of("dtmf")) == "0318"
    assert call.status is CarrierStatus.COMPLETED
    assert stranger.status is CarrierStatus.FAILED


async def test_of_old_calls_only_the_figures_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_module, "KEEP_BYTES", 1)
    gateway = FakeGateway(listens, listens)
    async with served(gateway.app) as origin, exchange_for(origin) as exchange:
        await exchange.assign(CALLED, script("  - wait: 100ms\n  - hang_up"), "mandarin", {})
        first = await ended(exchange, exchange.place(order()).sid)
        assert first.recording is not None
        exchange.place(order())
        assert first.recording is None
        assert first.view()["figures"]


async def _closes(wire: Wire) -> None:
    await wire.until("media", 3)


async def _two_marks(wire: Wire) -> None:
    await wire.say(200, "a")
    await wire.say(400, "b")
    await wire.until("mark", 2)


async def _clears(wire: Wire) -> None:
    await wire.say(5000, "long")
    await wire.until("media", 15)
    await wire.send({"event": "clear"})
    await wire.until("mark")
    await wire.say(40, "after")
    await wire.until("mark", 2)


async def _holds(wire: Wire) -> None:
    await wire.say(600, "1:1:who")
    await wire.until("media", 15)
    await wire.send({"event": "clear"})
    await wire.until("media", 60)
    await wire.say(400, "1:1.1:who")
    await wire.until("stop")


async def _answers(wire: Wire) -> None:
    await wire.say(500, "opening")
    await wire.until("mark")
    await wire.until("media", 100)
    await wire.say(500, "answer")
    await wire.until("stop")


async def _misbehaves(wire: Wire) -> None:
    await wire.socket.send_bytes(b"\x00")
    await wire.socket.send_text("{")
    await wire.send({"event": "party"})
    await wire.send({"event": "media", "media": {"payload": "%%%"}})
    await wire.say(40, "end")
    await wire.until("mark")


async def _ten_pieces(wire: Wire) -> None:
    for _ in range(10):
        await wire.say(20)
    await wire.until("stop")
