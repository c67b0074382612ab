"""Reads a person from a YAML file, one person a file; every error names the file and the line.

::

    name: verified_pays                  # equal to the file's name
    title: 核实以后答应缴税
    who: [overdue_company]               # persona keys, one of them (or one like them) is called; left out: anybody
    packs: [mandarin, sichuan]           # one run for each; the accent is that of the pack unless `speaks` names one
    speaks: {accent: sichuan, voice: "", speed: 0.9, volume: 3, pitch: 1.1, noise: 10, band: narrow}
    background: {kind: street, snr: 10}  # white, street, babble; dB below speech
    ring: 2s                             # until it is picked up
    patience: 25s                        # after the steps: how much silence of the bot until hanging up
    repeats: 2                           # how often an answer that was not understood is given again
    detected: unknown                    # what the carrier's machine detection says instead of the truth
    faults: {jitter_ms: 80}              # see faults.Faults
    steps:
      - wait_for: bot_done               # it has spoken and has been silent for 900 ms; or {silence: 1.5s},
                                         # bot_began, {mark: NAME}; with `within: 25s`
      - say: 是我，你说                   # beside it: accent, voice, speed, volume, pitch, noise, band
      - interrupt_at: 800ms              # after the bot began; the next step talks into it
      - shout: 别打了！
      - third_party: 他不在家             # another voice
      - press: "{last4}#"                # beside it: every: 250ms
      - wait: 1.5s
      - silence: 10s
      - play: music                      # fax, noise, beep; beside it: for: 10s, snr: 3
      - machine: {greeting: 您好…, beep: true}
      - hang_up
    expect: {outcome: completed, digits: "{last4}"}     # outcome: one, or a list of which any is right

A first step ``busy``, ``no_answer``, ``reject`` or ``invalid`` means that nobody answers; it is then the only one.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from telephony.events import Outcome
from telephony.standin import yaml_reader as y
from telephony.standin.faults import NO_FAULTS
from telephony.standin.script import (
    Background,
    Expect,
    Manner,
    Script,
)
from telephony.standin.steps import MANNER, manner_of, steps_of
from telephony.standin.tones import NOISES
from telephony.standin.yaml_reader import Reader, ScriptError

_TOP = (
    "name", "title", "who", "packs", "speaks", "background", "ring", "patience", "repeats", "detected", "faults", "steps", "expect",
)  # fmt: skip
_DETECTIONS = (
    "human", "fax", "unknown", "machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other",
)  # fmt: skip


def load_folder(folder: Path) -> tuple[Script, ...]:
    """Every ``*.yml`` of a folder, by name.

    Raises:
        ScriptError: there is none, one is wrong, or its name is not that of its file.
    """
    files = sorted(folder.glob("*.yml"))
    if not files:
        raise ScriptError(f"{folder}：没有找到 .yml 剧本")
    scripts = []
    for file in files:
        script = load_text(file.read_text(encoding="utf-8"), str(file))
        if script.name != file.stem:
            raise ScriptError(f"{file}:1：name 应当是 {file.stem}，和文件名一致")
        scripts.append(script)
    return tuple(scripts)


def load_text(text: str, where: str) -> Script:
    """One script.

    Raises:
        ScriptError: naming ``where`` and the line.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ScriptError(f"{where}:{line}：不是合法的 YAML：{error.problem}") from error
    except yaml.YAMLError as error:
        raise ScriptError(f"{where}:1：不是合法的 YAML") from error
    if node is None:
        raise ScriptError(f"{where}:1：文件是空的")
    top = Reader(node, where).mapping(_TOP)
    for needed in ("name", "title", "steps", "expect"):
        if needed not in top:
            raise ScriptError(f"{where}:1：缺少 {needed}")
    manner = manner_of(top["speaks"].mapping(MANNER), Manner()) if "speaks" in top else Manner()
    answer, steps, beep = steps_of(top["steps"], manner)
    return Script(
        name=top["name"].text(),
        title=top["title"].text(),
        steps=steps,
        expect=_expect(top["expect"]),
        who=top["who"].texts() if "who" in top else (),
        packs=top["packs"].texts() if "packs" in top else ("mandarin",),
        answer=answer,
        ring_ms=top["ring"].duration() if "ring" in top else 2000,
        patience_ms=top["patience"].duration() if "patience" in top else 25_000,
        repeats=round(top["repeats"].number(0, 9)) if "repeats" in top else 2,
        background=_background(top["background"]) if "background" in top else None,
        detected=top["detected"].choice(_DETECTIONS) if "detected" in top else None,
        beep=beep,
        faults=y.faults(top["faults"]) if "faults" in top else NO_FAULTS,
        source=text,
    )


def _expect(reader: Reader) -> Expect:
    keys = reader.mapping(("outcome", "digits"))
    if "outcome" not in keys:
        raise reader.wrong("expect 里缺少 outcome")
    outcomes = keys["outcome"].texts()
    known = {outcome.value for outcome in Outcome}
    for outcome in outcomes:
        if outcome not in known:
            raise keys["outcome"].wrong(f"没有结局“{outcome}”；可用：{'、'.join(sorted(known))}")
    return Expect(outcomes, keys["digits"].text() if "digits" in keys else None)


def _background(reader: Reader) -> Background:
    keys = reader.mapping(("kind", "snr"))
    kind = keys["kind"].choice(NOISES) if "kind" in keys else "street"
    return Background(kind, keys["snr"].number(-10, 60) if "snr" in keys else 15.0)
