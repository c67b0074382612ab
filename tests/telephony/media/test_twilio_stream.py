from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.events import (
    AudioIn,
    AudioOut,
    Clear,
    KeyPressed,
    Mark,
    MarkReturned,
    StreamStarted,
    StreamStopped,
    WireOut,
)
from telephony.media.twilio_stream import (
    GARBAGE_LIMIT,
    MAX_AUDIO,
    MAX_TEXT,
    CarrierWriter,
    Garbage,
    Ignored,
    Reader,
    read_out,
    write,
)

pytestmark = pytest.mark.unit
STREAM, CALL = "MZ18ad3ab5a668481ce02b83e7395059f0", "CA5d7b3f5c0f1b4a6e8d2c1a0b9f8e7d6c"
FRAME = bytes(range(160))


def carrier() -> CarrierWriter:
    return CarrierWriter(STREAM, CALL, "AC0")


def started() -> tuple[Reader, CarrierWriter]:
    reader, writer = Reader(), carrier()
    reader.read(writer.connected())
    assert isinstance(reader.read(writer.start({"call": "7"})), StreamStarted)
    return reader, writer


def changed(message: str, **paths: Any) -> str:
    """The message with values replaced (``media__chunk=…``), or removed where the value is ``...``."""
    data = json.loads(message)
    for path, value in paths.items():
        *parents, last = path.split("__")
        place = data
        for parent in parents:
            place = place[parent]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return json.dumps(data)


def test_the_messages_of_the_documentation() -> None:
    reader = Reader()
    start = {
        "event": "start",
        "sequenceNumber": "1",
        "start": {
            "accountSid": "AC1", "streamSid": STREAM, "callSid": CALL, "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"FirstName": "Jane"},
        },
        "streamSid": STREAM,
    }  # fmt: skip
    payload = base64.b64encode(FRAME).decode()
    media = {
        "event": "media", "sequenceNumber": "3", "streamSid": STREAM,
        "media": {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": payload},
    }  # fmt: skip
    assert reader.read('{"event":"connected","protocol":"Call","version":"1.0.0"}') == Ignored("connected")
    assert reader.read(json.dumps(start)) == StreamStarted(STREAM, CALL, {"FirstName": "Jane"})
    assert reader.read(json.dumps(media)) == AudioIn(1, 5, FRAME)
    key = {
        "event": "dtmf",
        "streamSid": STREAM,
        "sequenceNumber": "5",
        "dtmf": {"track": "inbound_track", "digit": "1"},
    }
    assert reader.read(json.dumps(key)) == KeyPressed("1")
    mark = {"event": "mark", "sequenceNumber": "4", "streamSid": STREAM, "mark": {"name": "my label"}}
    assert reader.read(json.dumps(mark)) == MarkReturned("my label")
    stop = {
        "event": "stop",
        "sequenceNumber": "6",
        "streamSid": STREAM,
        "stop": {"accountSid": "AC1", "callSid": CALL},
    }
    assert reader.read(json.dumps(stop)) == StreamStopped()
    assert json.loads(write(AudioOut(FRAME), STREAM)) == {
        "event": "media", "streamSid": STREAM, "media": {"payload": payload},
    }  # fmt: skip
    assert json.loads(write(Mark("a"), STREAM)) == {
        "event": "mark",
        "streamSid": STREAM,
        "mark": {"name": "a"},
    }
    assert json.loads(write(Clear(), STREAM)) == {"event": "clear", "streamSid": STREAM}


def test_numbers_are_strings_on_the_wire() -> None:
    data = json.loads(carrier().audio(FRAME, 40))
    assert (data["sequenceNumber"], data["media"]["chunk"], data["media"]["timestamp"]) == ("1", "1", "40")
    assert len(data["media"]["payload"]) == 216


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.builds(lambda audio, at: ("audio", audio, at), st.binary(min_size=1, max_size=MAX_AUDIO), st.integers(0, 10**9)),
            st.builds(lambda digit: ("key", digit), st.sampled_from("0123456789*#")),
            st.builds(lambda name: ("mark", name), st.text(min_size=1, max_size=100)),
        ),
        max_size=20,
    ),
    st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=10),
)  # fmt: skip
def test_what_a_carrier_sends_arrives(sent: list[tuple[Any, ...]], parameters: dict[str, str]) -> None:
    reader, writer = Reader(), carrier()
    assert reader.read(writer.start(parameters)) == StreamStarted(STREAM, CALL, parameters)
    chunk = 0
    for kind, *values in sent:
        got = reader.read(getattr(writer, kind)(*values))
        if kind == "audio":
            chunk += 1
            assert got == AudioIn(chunk, values[1], values[0])
        else:
            assert got == (KeyPressed(values[0]) if kind == "key" else MarkReturned(values[0]))
    assert reader.read(writer.stop()) == StreamStopped()
    assert reader.garbage_in_a_row == 0


@settings(deadline=None, max_examples=60)
@given(
    st.one_of(
        st.builds(AudioOut, st.binary(min_size=1, max_size=20_000)),
        st.builds(Mark, st.text(min_size=1, max_size=100)),
        st.just(Clear()),
    )
)
def test_what_we_send_arrives(event: WireOut) -> None:
    assert read_out(write(event, STREAM), STREAM) == event


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from((STREAM, "1", "inbound")),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(("event", "streamSid", "sequenceNumber", "start", "media", "mark", "dtmf", "stop", "mediaFormat",
                         "track", "chunk", "timestamp", "payload", "name", "digit", "customParameters", "callSid")),
        inner, max_size=6),
    max_leaves=20,
)  # fmt: skip
_events = st.sampled_from(("start", "media", "dtmf", "mark", "stop", "connected", "clear", "no such event"))


@settings(deadline=None, max_examples=60)
@given(st.one_of(
    st.text(), st.binary(), _json.map(json.dumps),
    st.builds(lambda event, rest: json.dumps({"streamSid": STREAM, "sequenceNumber": "9", **rest, "event": event}),
              _events, st.dictionaries(_events, _json)),
))  # fmt: skip
def test_nothing_that_comes_in_raises(message: str | bytes) -> None:
    fresh, (running, _) = Reader(), started()
    for reader in (fresh, running):
        got = reader.read(message)
        assert reader.garbage_in_a_row == isinstance(got, Garbage)
    assert isinstance(read_out(message, STREAM), AudioOut | Mark | Clear | Garbage)


@pytest.mark.parametrize(
    "message",
    [
        "[" * 10_000,
        '{"event":' * 1000,
        '{"event": ' + "9" * 5000 + "}",
        '{"event": "mark", "mark": {"name": "\\ud800"}}',
        "null", "[]", '"start"', "{}", "", "\x00", b"\x00\x01", json.dumps({"event": ["start"]}),
        " " * (MAX_TEXT + 1),
    ],
    ids=str,
)  # fmt: skip
def test_nonsense_is_garbage(message: str | bytes) -> None:
    assert isinstance(started()[0].read(message), Garbage)


@pytest.mark.parametrize(
    "change",
    [
        {"start__mediaFormat__encoding": "audio/l16"},
        {"start__mediaFormat__sampleRate": 16000},
        {"start__mediaFormat__channels": 2},
        {"start__mediaFormat": ...},
        {"start__callSid": ...},
        {"start__callSid": "../../etc"},
        {"start__streamSid": "x" * 100},
        {"start__customParameters": {"a": 1}},
        {"start__customParameters": {str(n): "" for n in range(200)}},
        {"sequenceNumber": ...},
    ],
    ids=str,
)
def test_a_stream_we_cannot_hear_does_not_start(change: dict[str, Any]) -> None:
    reader = Reader()
    assert isinstance(reader.read(changed(carrier().start({}), **change)), Garbage)
    assert reader.stream_id == ""
    assert isinstance(reader.read(carrier().start({})), StreamStarted)


@pytest.mark.parametrize(
    "change",
    [
        {"media__payload": "not base64!"},
        {"media__payload": "€€€€"},
        {"media__payload": ""},
        {"media__payload": base64.b64encode(b"x" * (MAX_AUDIO + 1)).decode()},
        {"media__payload": ...},
        {"media__chunk": "-1"},
        {"media__chunk": 1},
        {"media__timestamp": "1e3"},
        {"media__timestamp": "9" * 40},
        {"media__track": ...},
        {"media": []},
        {"streamSid": "MZother"},
        {"sequenceNumber": "١"},
        {"sequenceNumber": "999999"},
    ],
    ids=str,
)
def test_bad_audio_is_garbage_and_the_next_is_heard(change: dict[str, Any]) -> None:
    reader, writer = started()
    assert isinstance(reader.read(changed(writer.audio(FRAME, 0), **change)), Garbage)
    assert isinstance(reader.read(writer.audio(FRAME, 20)), AudioIn)
    assert reader.garbage_in_a_row == 0


def test_reasons_hold_nothing_of_what_came() -> None:
    reader, writer = started()
    got = reader.read(changed(writer.key("1"), dtmf__digit="13900001234"))
    assert isinstance(got, Garbage) and "139" not in got.reason


def test_what_is_new_to_us_is_passed_over() -> None:
    reader, writer = started()
    assert isinstance(reader.read('{"event":"weather","streamSid":"x"}'), Ignored)
    assert isinstance(reader.read(changed(writer.audio(FRAME, 0), media__track="outbound")), Ignored)
    assert reader.garbage_in_a_row == 0


def test_a_message_counts_once() -> None:
    reader, writer = started()
    key = writer.key("1")
    assert [reader.read(key), reader.read(key)] == [KeyPressed("1"), Ignored("repeated")]


def test_audio_may_come_in_any_order() -> None:
    reader, writer = started()
    messages = [writer.audio(FRAME, 20 * n) for n in range(4)]
    assert [reader.read(messages[n]).sequence for n in (2, 0, 3, 1)] == [3, 1, 4, 2]  # type: ignore[union-attr]


def test_a_flood_of_keys_passes_with_the_voice_between() -> None:
    reader, writer = started()
    got = [reader.read(m) for n in range(2000) for m in (writer.key("5"), writer.audio(FRAME, 20 * n))]
    assert got[0::2] == [KeyPressed("5")] * 2000
    assert [event.at_ms for event in got[1::2] if isinstance(event, AudioIn)] == list(range(0, 40_000, 20))


def test_a_stream_that_was_recorded_cannot_be_played_into_a_running_one() -> None:
    reader, writer = started()
    recorded = [writer.audio(FRAME, 20 * n) for n in range(1500)]
    for message in recorded:
        reader.read(message)
    assert not any(isinstance(reader.read(message), AudioIn) for message in recorded)
    assert isinstance(reader.read(carrier().start({})), Garbage)


def test_nothing_before_the_start_or_after_the_stop() -> None:
    assert isinstance(Reader().read(carrier().audio(FRAME, 0)), Garbage)
    reader, writer = started()
    reader.read(writer.stop())
    assert isinstance(reader.read(writer.audio(FRAME, 0)), Garbage)
    assert isinstance(reader.read(writer.stop()), Garbage)


def test_too_much_garbage_in_a_row_is_hopeless_and_less_is_not() -> None:
    reader, writer = started()
    for n in range(GARBAGE_LIMIT * 2):
        reader.read(b"\x00")
        if n % (GARBAGE_LIMIT - 1) == 0:
            reader.read(writer.audio(FRAME, 20 * n))
        assert not reader.hopeless
    for _ in range(GARBAGE_LIMIT):
        reader.read("rubbish")
    assert reader.hopeless


@pytest.mark.parametrize(
    "message",
    [
        b"\x00",
        write(Clear(), "MZother"),
        write(AudioOut(b""), STREAM),
        write(Mark(""), STREAM),
        write(Mark("x" * 1000), STREAM),
        json.dumps({"event": "media", "streamSid": STREAM, "media": {"payload": "?"}}),
        json.dumps({"event": "say", "streamSid": STREAM}),
    ],
    ids=str,
)
def test_the_carrier_refuses_what_twilio_refuses(message: str | bytes) -> None:
    assert isinstance(read_out(message, STREAM), Garbage)
