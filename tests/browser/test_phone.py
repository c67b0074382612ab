"""The phone page in a real browser: rings, answers, hears, speaks, keys, hangs up; and what it sounds like."""

from __future__ import annotations

import base64
import shutil
import wave
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import CHROMIUM_ARGS
from numpy.typing import NDArray
from phone_server import PhoneServer
from playwright.sync_api import Browser, Page, expect, sync_playwright

from telephony.carriers.base import CarrierStatus
from telephony.hearing.mulaw import decode, encode

pytestmark = [pytest.mark.browser, pytest.mark.audio]

MICROPHONE_HZ = 440
S = CarrierStatus


def tone(hz: float, seconds: float, rate: int = 8000) -> NDArray[np.int16]:
    return (12000 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.int16)


def spectrum(samples: NDArray[Any], rate: int) -> tuple[NDArray[Any], NDArray[Any]]:
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    return np.fft.rfftfreq(len(samples), 1 / rate), power


def pitch(samples: NDArray[Any], rate: int = 8000) -> float:
    hz, power = spectrum(samples, rate)
    return float(hz[np.argmax(power)])


def purity_db(samples: NDArray[Any], hz: float, rate: int) -> float:
    """How far everything but the tone lies below it."""
    at, power = spectrum(samples, rate)
    near = np.abs(at - hz) < 60
    return float(10 * np.log10(power[near].sum() / power[~near].sum()))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A chromium whose microphone hears a steady tone."""
    sound = tmp_path_factory.mktemp("microphone") / "tone.wav"
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", ""))
        file.writeframes(tone(MICROPHONE_HZ, 10, 48000).tobytes())
    arguments = [
        *CHROMIUM_ARGS,
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={sound}",
    ]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield running
        running.close()


@pytest.fixture
def server() -> Iterator[PhoneServer]:
    with PhoneServer() as running:
        yield running


def open_phone(page: Page, server: PhoneServer, query: str = "") -> None:
    page.goto(f"{server.url}/phone{query}")
    expect(page.locator("#state")).to_contain_text("在线")


def answered(page: Page, server: PhoneServer) -> None:
    open_phone(page, server)
    server.place()
    page.get_by_role("button", name="接听").click()
    server.until(lambda: len(server.events("media")) >= 10, "the caller's voice")


def test_a_call_from_the_ring_to_the_end(page: Page, server: PhoneServer) -> None:
    open_phone(page, server)
    server.place()
    expect(page.locator("#name")).to_have_text("税务局提醒电话")
    expect(page.locator("#under")).to_have_text("12366")
    expect(page.locator("#say")).to_have_text("税务局提醒电话 12366 来电")
    expect(page.get_by_role("button", name="接听")).to_be_focused()
    expect(page).to_have_title("来电 税务局提醒电话")
    server.until_status((S.INITIATED, ""), (S.RINGING, ""))
    page.keyboard.press("Enter")
    server.until_status((S.IN_PROGRESS, ""))
    expect(page.locator("#under")).to_have_text("00:00")
    server.until(lambda: len(server.events("media")) >= 5, "the caller's voice")
    page.get_by_role("button", name="挂断").click()
    server.until_status((S.IN_PROGRESS, ""), (S.COMPLETED, ""))
    expect(page.locator("#name")).to_have_text("通话已结束")
    expect(page.get_by_role("link", name="回放这通电话")).to_have_attribute("href", f"/calls/{server.call}")
    assert server.heard[-1]["event"] == "stop"
    page.get_by_role("button", name="继续等候来电").click()
    expect(page.locator("#name")).to_have_text("等候来电")


def test_it_speaks_the_carriers_language(page: Page, server: PhoneServer) -> None:
    answered(page, server)
    connected, start, first = server.heard[:3]
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start["event"] == "start" and start["sequenceNumber"] == "1"
    assert start["start"]["callSid"] == server.carrier_id
    assert start["start"]["customParameters"] == {"call": str(server.call)}
    assert start["start"]["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    assert start["streamSid"] == start["start"]["streamSid"] == first["streamSid"]
    media = server.events("media")
    assert [m["media"]["chunk"] for m in media] == [str(n) for n in range(1, len(media) + 1)]
    assert [m["media"]["timestamp"] for m in media] == [str(n * 20) for n in range(len(media))]
    assert {len(m["media"]["payload"]) for m in media} == {216}
    numbers = [int(m["sequenceNumber"]) for m in server.heard[1:]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_microphone_is_heard_and_can_be_muted(page: Page, server: PhoneServer) -> None:
    answered(page, server)
    server.until(
        lambda: len(server.audio()) > 8000 and np.abs(decode(server.audio()[-4000:])).max() > 500, "the tone"
    )
    server.until(lambda: len(server.audio()) > 16000, "a second more")
    assert pitch(decode(server.audio()[-4000:])) == pytest.approx(MICROPHONE_HZ, abs=4)
    page.get_by_role("button", name="静音").click()
    expect(page.get_by_role("button", name="静音")).to_have_attribute("aria-pressed", "true")
    server.until(lambda: server.audio()[-1600:] == b"\xff" * 1600, "silence")
    page.get_by_role("button", name="静音").click()
    server.until(lambda: np.abs(decode(server.audio()[-800:])).max() > 500, "the tone again")


def test_marks_come_back_once_their_words_were_played(page: Page, server: PhoneServer) -> None:
    answered(page, server)
    server.say(b"", "at once")
    server.until(lambda: server.marks() == ["at once"], "a mark with nothing before it")
    frames = len(server.events("media"))
    server.say(encode(tone(300, 0.6)), "first")
    server.say(encode(tone(500, 0.2)), "second")
    expect(page.locator("#phone")).to_have_class("phone speaking")
    server.until(lambda: server.marks() == ["at once", "first", "second"], "the marks")
    # The page's own frames are the clock: eight tenths of a second cannot have been played in fewer.
    assert len(server.events("media")) - frames >= 35
    expect(page.locator("#phone")).not_to_have_class("phone speaking")


def test_clear_stops_the_words_and_returns_their_marks(page: Page, server: PhoneServer) -> None:
    answered(page, server)
    server.say(encode(tone(300, 60)), "long", piece=40_000)
    server.say(encode(tone(300, 60)), "longer", piece=40_000)
    expect(page.locator("#phone")).to_have_class("phone speaking")
    assert server.marks() == []
    server.clear()
    server.until(lambda: server.marks() == ["long", "longer"], "the marks")
    expect(page.locator("#phone")).not_to_have_class("phone speaking")
    server.say(encode(tone(300, 0.1)), "after")
    server.until(lambda: server.marks()[-1] == "after", "speech after the clear")


def test_keys_by_mouse_and_keyboard(page: Page, server: PhoneServer) -> None:
    answered(page, server)
    page.get_by_role("button", name="键盘").click()
    for key in ("1", "0"):
        page.get_by_role("button", name=key, exact=True).click()
    page.get_by_role("button", name="井号键").click()
    page.keyboard.press("7")
    page.keyboard.press("*")
    server.until(lambda: len(server.events("dtmf")) == 5, "the keys")
    keys = [m["dtmf"] for m in server.events("dtmf")]
    assert keys == [{"track": "inbound_track", "digit": digit} for digit in "10#7*"]
    expect(page.get_by_label("已按")).to_have_text("10#7*")


def test_the_transcript_grows_as_people_speak(page: Page, server: PhoneServer) -> None:
    answered(page, server)
    lines = page.locator("#lines li")
    server.line("bot", "您好，我是税务局的智能助手。")
    server.line("caller", "我是", final=False)
    expect(lines).to_have_count(2)
    expect(lines.nth(1)).to_have_class("caller partial")
    expect(lines.nth(1)).to_have_attribute("aria-hidden", "true")
    server.line("bot", "请问您是负责人吗？")
    server.line("caller", "我是负责人", final=False)
    server.line("caller", "我是<b>负责人</b>")
    expect(lines).to_have_count(3)
    expect(lines.nth(1)).to_have_text("我我是<b>负责人</b>")
    expect(lines.nth(1)).to_have_class("caller")
    expect(lines.nth(1)).not_to_have_attribute("aria-hidden", "true")
    server.line("caller", "嗯", final=False)
    expect(lines).to_have_count(4)
    server.line("caller", "")
    expect(lines).to_have_count(3)
    for number in range(15):
        server.line("bot", f"第{number}句" * 12)
    expect(lines.last).to_be_in_viewport()


def test_the_bot_hangs_up(page: Page, server: PhoneServer) -> None:
    answered(page, server)
    server.line("bot", "再见。")
    server.hang_up()
    expect(page.locator("#name")).to_have_text("通话已结束")
    expect(page.get_by_role("button", name="继续等候来电")).to_be_focused()
    server.until_status((S.IN_PROGRESS, ""), (S.COMPLETED, ""))
    assert server.heard[-1]["event"] == "stop"
    server.place()
    expect(page.get_by_role("button", name="接听")).to_be_visible()


def test_rejecting(page: Page, server: PhoneServer) -> None:
    open_phone(page, server)
    server.place()
    page.get_by_role("button", name="拒接").click()
    server.until_status((S.BUSY, "rejected"))
    expect(page.locator("#under")).to_have_text("已拒接")


def test_nobody_answers(page: Page, server: PhoneServer) -> None:
    open_phone(page, server)
    server.place(ring_s=1)
    expect(page.get_by_role("button", name="接听")).to_be_visible()
    expect(page.locator("#under")).to_have_text("无人接听")
    server.until_status((S.NO_ANSWER, "no_answer"))


def test_two_pages_ring_and_one_answers(page: Page, server: PhoneServer) -> None:
    open_phone(page, server)
    other = page.context.new_page()
    open_phone(other, server)
    server.place()
    other.get_by_role("button", name="接听").click()
    expect(page.locator("#under")).to_have_text("已在别处接听")
    server.until_status((S.IN_PROGRESS, ""))


def test_without_a_microphone_the_keys_remain(page: Page, server: PhoneServer) -> None:
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    )
    answered(page, server)
    expect(page.get_by_role("alert")).to_contain_text("对方听不到您说话。可以用下面的键盘按键回答")
    expect(page.get_by_role("button", name="静音")).to_be_disabled()
    page.get_by_role("button", name="5", exact=True).click()
    server.until(lambda: len(server.events("dtmf")) == 1, "the key")
    assert server.audio() == b"\xff" * len(server.audio())


def test_leaving_the_page_hangs_up(page: Page, server: PhoneServer) -> None:
    answered(page, server)
    page.goto("about:blank")
    server.until_status((S.IN_PROGRESS, ""), (S.COMPLETED, ""))


def test_garbage_on_the_stream_does_no_harm(page: Page, server: PhoneServer) -> None:
    answered(page, server)
    for bad in ({"event": "media", "media": {"payload": "%%"}}, {"event": "mark"}, {"event": "?"}, {}, []):
        server.send(bad)
    server.say(encode(tone(300, 0.1)), "still")
    server.until(lambda: server.marks() == ["still"], "a mark")


def test_outside_the_demo_a_token_is_asked_for(page: Page) -> None:
    with PhoneServer(demo=False, token="operators-only") as server:
        page.goto(f"{server.url}/phone?number=139%200000%201234")
        expect(page.get_by_label("操作口令")).to_be_focused()
        page.get_by_label("操作口令").fill("wrong")
        page.get_by_role("button", name="进入").click()
        expect(page.locator("#state")).to_contain_text("没有权限")
        page.get_by_label("操作口令").fill("operators-only")
        page.get_by_role("button", name="进入").click()
        expect(page.locator("#state")).to_contain_text("在线")
        server.place("+8613900001234")
        expect(page.get_by_role("button", name="接听")).to_be_visible()
        assert "operators-only" not in page.url


def test_it_fits_a_narrow_phone(browser: Browser, server: PhoneServer) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 640}, is_mobile=True)
    try:
        page = context.new_page()
        answered(page, server)
        page.get_by_role("button", name="键盘").click()
        server.line("bot", "税" * 200)
        expect(page.locator("#lines li")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        for button in page.locator(".keypad button").all():
            box = button.bounding_box()
            assert box is not None and box["width"] >= 44 and box["height"] >= 44
        expect(page.get_by_role("button", name="挂断")).to_be_in_viewport()
    finally:
        context.close()


RENDER = """async ({name, rate, hz, played}) => {
  const context = new OfflineAudioContext(1, rate * 1.5, rate);
  await context.audioWorklet.addModule('/phone/static/worklet.js');
  const node = new AudioWorkletNode(context, name, {outputChannelCount: [1]});
  node.connect(context.destination);
  const frames = [];
  const heard = new Promise((done) => {
    node.port.onmessage = ({data}) => {
      if (data.frame) frames.push(...data.frame);
      if (frames.length >= 8000 || data.marks) done();
    };
  });
  if (played) {
    node.port.postMessage({play: Uint8Array.from(atob(played), (sign) => sign.charCodeAt(0))});
    node.port.postMessage({mark: 'end'});
  } else {
    const source = context.createBufferSource();
    source.buffer = context.createBuffer(1, rate * 1.5, rate);
    const wave = source.buffer.getChannelData(0);
    wave.forEach((_, i) => { wave[i] = 12000 / 32768 * Math.sin(2 * Math.PI * hz * i / rate); });
    source.connect(node);
    source.start();
  }
  // Messages reach the audio thread between stretches of rendering.
  for (let at = 0; at < 0.3; at += 0.02) context.suspend(at).then(() => setTimeout(() => context.resume()));
  const sound = (await context.startRendering()).getChannelData(0);
  await heard;
  const bytes = new Uint8Array(sound.buffer, sound.byteOffset, sound.byteLength);
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return {sound: btoa(text), frames: frames};
}"""
LINE_DB = 33
"""What lies below a tone on a line: µ-law itself leaves 38 dB or so."""


def test_the_speaker_is_faithful(page: Page, server: PhoneServer) -> None:
    open_phone(page, server)
    for rate, hz in [(48000, 300), (44100, 1000), (48000, 3000)]:
        played = base64.b64encode(encode(tone(hz, 0.9))).decode()
        rendered = page.evaluate(RENDER, {"name": "phone-speaker", "rate": rate, "played": played})
        sound = np.frombuffer(base64.b64decode(rendered["sound"]), np.float32)
        begin = int(np.argmax(np.abs(sound) > 0.01)) + rate // 5
        middle = sound[begin : begin + rate // 2]
        assert pitch(middle, rate) == pytest.approx(hz, abs=4)
        assert np.abs(middle).max() == pytest.approx(12000 / 32768, rel=0.06)
        assert purity_db(middle, hz, rate) > LINE_DB


def microphone(page: Page, rate: int, hz: int) -> NDArray[np.int16]:
    frames = page.evaluate(RENDER, {"name": "phone-microphone", "rate": rate, "hz": hz})["frames"]
    return decode(bytes(frames))[2000:6000]


def test_the_microphone_is_faithful(page: Page, server: PhoneServer) -> None:
    open_phone(page, server)
    for rate, hz in [(48000, 300), (44100, 1000), (16000, 1000), (48000, 3000)]:
        line = microphone(page, rate, hz)
        assert pitch(line) == pytest.approx(hz, abs=4)
        assert np.abs(line).max() == pytest.approx(12000, rel=0.06)
        assert purity_db(line, hz, 8000) > LINE_DB


def test_what_a_line_cannot_carry_does_not_come_back_as_something_else(
    page: Page, server: PhoneServer
) -> None:
    open_phone(page, server)
    line = microphone(page, 48000, 6000)
    assert 20 * np.log10(12000 / max(np.abs(line).max(), 1)) > 45
