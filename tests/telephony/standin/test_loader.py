"""Scripts: the grammar, and errors that name the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from telephony.standin.faults import Faults
from telephony.standin.loader import load_folder, load_text
from telephony.standin.script import (
    Answer,
    Background,
    FillError,
    HangUp,
    Manner,
    Play,
    Press,
    Say,
    Wait,
    WaitForBot,
    WaitForMark,
    WaitForSpeech,
    fill,
)
from telephony.standin.yaml_reader import ScriptError

pytestmark = pytest.mark.unit

FULL = """\
name: full
title: 什么都有
who: [overdue_company, two_bills]
packs: [sichuan, mandarin]
speaks: {accent: sichuan, speed: 0.8}
background: {kind: babble, snr: 10}
ring: 1.5s
patience: 9s
detected: unknown
faults: {jitter_ms: 80, callback_twice: true}
steps:
  - wait_for: bot_done
  - say: 喂
    volume: 3
    noise: 12
  - shout: 干啥子
  - third_party: 他不在
  - wait_for: {silence: 900ms}
    within: 12s
  - wait_for: bot_began
  - wait_for: {mark: opening}
  - interrupt_at: 800ms
  - press: "0123#"
    every: 300ms
  - wait: 1.5s
  - silence: 200ms
  - play: noise
    for: 2s
    snr: 0
  - hang_up
expect: {outcome: [hung_up, not_verified], digits: "{last4}"}
"""


def test_every_key_is_read() -> None:
    script = load_text(FULL, "full.yml")
    slow = Manner("sichuan", speed=0.8)
    assert script.who == ("overdue_company", "two_bills")
    assert script.packs == ("sichuan", "mandarin")
    assert script.background == Background("babble", 10.0)
    assert (script.ring_ms, script.patience_ms, script.detected) == (1500, 9000, "unknown")
    assert script.faults == Faults(jitter_ms=80, callback_twice=True)
    assert script.expect.outcomes == ("hung_up", "not_verified")
    assert script.answer is Answer.PERSON
    say, shout, other = script.steps[1:4]
    assert say == Say("喂", Manner("sichuan", speed=0.8, volume=3.0, noise=12.0))
    assert isinstance(shout, Say)
    assert shout.manner.volume > slow.volume
    assert shout.manner.speed > slow.speed
    assert isinstance(other, Say)
    assert other.manner.pitch != slow.pitch
    assert script.steps[0] == WaitForBot()
    assert script.steps[4:] == (
        WaitForBot(900, 12_000),
        WaitForSpeech(0),
        WaitForMark("opening"),
        WaitForSpeech(800),
        Press("0123#", 300),
        Wait(1500),
        Wait(200),
        Play("noise", 2000, 0.0),
        HangUp(),
    )


def top(steps: str, expect: str = "{outcome: voicemail}") -> str:
    return f"name: x\ntitle: x\nsteps:\n{steps}expect: {expect}\n"


def test_a_machine_greets_and_beeps() -> None:
    script = load_text(top("  - machine: {greeting: 请留言, beep: true}\n"), "x.yml")
    assert script.answer is Answer.MACHINE
    assert script.beep
    assert [type(step) for step in script.steps] == [Wait, Say, Wait, Play]
    quiet = load_text(top("  - machine: {greeting: 请留言, beep: false}\n"), "x.yml")
    assert not quiet.beep
    assert not any(isinstance(step, Play) for step in quiet.steps)


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("busy", Answer.BUSY),
        ("no_answer", Answer.NO_ANSWER),
        ("reject", Answer.REJECT),
        ("invalid", Answer.INVALID),
    ],
)
def test_nobody_answers(word: str, answer: Answer) -> None:
    assert load_text(top(f"  - {word}\n"), "x.yml").answer is answer


def test_a_fax_answers_when_its_tone_is_the_first_step() -> None:
    assert load_text(top("  - play: fax\n"), "x.yml").answer is Answer.FAX


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "空的"),
        ("name: [", 1, "YAML"),
        ("name: x\ntitle: x\nsteps: []\nexpect: {outcome: busy}\n", 3, "steps 是空的"),
        ("title: x\nsteps: [busy]\nexpect: {outcome: busy}\n", 1, "缺少 name"),
        ("name: x\ncolour: red\n", 2, "不认识“colour”"),
        (top("  - say: 喂\n  - sya: 喂\n"), 5, "没有“sya”这一步"),
        (top("  - say: 喂\n    speed: fast\n"), 5, "不是数字"),
        (top("  - say: 喂\n    speed: 9\n"), 5, "0.4 到 2"),
        (top("  - say: 喂\n    colour: red\n"), 5, "这一步没有“colour”"),
        (top("  - wait: 3\n"), 4, "不是时长"),
        (top("  - wait_for: dinner\n"), 4, "“dinner”不行"),
        (top("  - press: 12a\n"), 4, "press 只能有"),
        (top("  - play: drums\n"), 4, "“drums”不行"),
        (top("  - say: 喂\n  - busy\n"), 5, "唯一的一步"),
        (top("  - machine: {beep: true}\n"), 4, "缺少 greeting"),
        (top("  - say: 喂\n", "{outcome: happy}"), 5, "没有结局“happy”"),
        (top("  - say: 喂\n", "{digits: 1}"), 5, "缺少 outcome"),
        ("name: x\nname: y\n", 2, "写了两次"),
        ("name: x\ntitle: x\nfaults: {loss: 3}\n" + top("  - say: 喂\n")[17:], 3, "0 到 1"),
        ("- x\n", 1, "键: 值"),
    ],
)
def test_errors_name_the_line(text: str, line: int, says: str) -> None:
    with pytest.raises(ScriptError) as error:
        load_text(text, "a.yml")
    assert str(error.value).startswith(f"a.yml:{line}：")
    assert says in str(error.value)


def test_a_folder_is_read_by_name_and_names_must_be_those_of_the_files(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="没有找到"):
        load_folder(tmp_path)
    (tmp_path / "x.yml").write_text(top("  - busy\n"), encoding="utf-8")
    assert [script.name for script in load_folder(tmp_path)] == ["x"]
    (tmp_path / "y.yml").write_text(top("  - busy\n"), encoding="utf-8")
    with pytest.raises(ScriptError, match=r"y\.yml:1：name 应当是 y"):
        load_folder(tmp_path)


def test_placeholders_are_filled_in_every_form() -> None:
    fields = {"last4": "318X"}
    assert fill("{last4}#", fields) == "318X#"
    assert fill("是{last4:han}", fields) == "是三幺八叉"
    assert fill("{last4:groups}", fields) == "三幺，八叉"
    assert fill("{last4:wrong}", fields) == "8630"
    with pytest.raises(FillError, match="last4"):
        fill("{name}", fields)
    with pytest.raises(FillError, match="不认识的写法"):
        fill("{last4:roman}", fields)


def test_filling_reaches_words_keys_and_expectations() -> None:
    script = load_text(
        top('  - say: "我是{contact}"\n  - press: "{last4}#"\n', '{outcome: completed, digits: "{last4}"}'),
        "x.yml",
    ).filled({"contact": "顾明远", "last4": "3184"})
    assert script.steps == (Say("我是顾明远", Manner()), Press("3184#"))
    assert script.expect.digits == "3184"
