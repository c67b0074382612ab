"""The call as a pure machine: inputs in, commands out, on whatever clock the caller keeps."""

from __future__ import annotations

import re
from collections.abc import Callable

from telephony.call.base import Callee, Pace, Phase
from telephony.call.commands import CallHuman, Command, Foresee
from telephony.call.floor import HOLD
from telephony.call.inputs import (
    AgentClaimed,
    AgentJoined,
    AgentLeft,
    Alarm,
    Answered,
    Booked,
    Broke,
    Checked,
    HungUp,
    Input,
    Lined,
    LineLeft,
    MachineSaid,
    PlaceChanged,
    Played,
    Read,
    Replied,
    VoiceFailed,
)
from telephony.call.matter import Matter
from telephony.call.plain import (
    interrupts,
    is_despair,
    is_listening,
    is_no,
    is_scrap,
    is_yes,
    may_be_yes,
    sounds_like_me,
)
from telephony.call.waiting import WITH_HUMANS
from telephony.call.words import Words
from telephony.events import (
    Expected,
    KeyPressed,
    MachineHeard,
    MachineSign,
    Outcome,
    Partial,
    SpeechBegan,
    SpeechPaused,
    Utterance,
)

_ASK_AGAIN = 0.6
"""Confidence below which what was recognised is not acted on, where the pack says nothing else."""
_LONG_NOISE_MS = 1200
"""Sound without words that lasts this long was somebody speaking."""
_EARLY_MS = 1500
"""A 对 said this shortly before a question has ended answers it."""
_MUTE = 2
"""Sentences in a row that could not be said."""
_FAREWELL = re.compile(r"再见|拜拜|挂了|谢谢|晓得了|知道了")
_BEFORE_PROOF = frozenset({Phase.OPENING, Phase.WHO})
_SPEAKS_TO_A_PERSON = frozenset(
    {Phase.PROVE, Phase.READ_BACK, Phase.MATTER, Phase.CALLBACK_TIME, Phase.OPT_OUT}
)
_ASKS = frozenset({Phase.WHO, Phase.MATTER})
"""Where the dialogue is asked what words mean; the digits of the proof are nothing for it."""
_NO_HUMAN_COMES = frozenset({Phase.OPENING, Phase.MACHINE, Phase.CLOSING})


class Brain(Matter):
    """One call. :meth:`handle` takes one input and returns what is to be done, in order."""

    def __init__(
        self,
        callee: Callee,
        words: Words,
        pace: Pace | None = None,
        ask_again: Callable[[str], float] = lambda pack: _ASK_AGAIN,
    ) -> None:
        """``ask_again``: by pack, the confidence below which an utterance is asked for again."""
        super().__init__(callee, words, pace or Pace())
        self._ask_again = ask_again
        self._early: tuple[Utterance, int] | None = None
        """What sounded like a yes while the question was being asked, and from when on the rest of the question counts."""
        self._held_for_it = False
        """Whether the bot has held its breath for the present utterance."""
        self._queued: Utterance | None = None
        self._held_key = ""
        self._mute = 0
        self._too_long = False
        """Whether the call has lasted as long as one may: the goodbye then is one."""

    @property
    def over(self) -> bool:
        """Whether the call has ended; nothing is done after that."""
        return self.phase is Phase.OVER

    @property
    def proving(self) -> bool:
        """Whether the digits of the proof are being spoken of: what is said now is not for the transcript."""
        return self.phase in (Phase.PROVE, Phase.READ_BACK)

    @property
    def keys_are_private(self) -> bool:
        """Whether what is keyed now is for nobody's eyes: digits of the proof, or what a human asked for."""
        return self.proving or self.phase is Phase.JOINED

    def handle(self, item: Input) -> list[Command]:
        """What ``item`` leads to."""
        if not self.over:
            self._dispatch(item)
            self._take_held_key()
        done, self.out[:] = list(self.out), []
        return done

    def _dispatch(self, item: Input) -> None:
        match item:
            case Answered():
                self.greet()
            case SpeechBegan():
                self._began()
            case SpeechPaused():
                if is_listening(item.text):
                    self.floor.resume()
                self._foresee(item.text)
            case Partial():
                self._partial(item)
            case Utterance():
                self._utterance(item)
                self.floor.resume()
                self._held_for_it = False
            case KeyPressed():
                self._key(item.digit)
            case Played():
                self._mute = 0
                self.floor.played(item.say)
                self._take_early(item.at_ms)
            case VoiceFailed():
                self._voice_failed(item.say)
            case Read():
                if self.end_turn(item.turn):
                    self._read(item)
                    self._take_queued()
            case Replied():
                if self.end_turn(item.turn):
                    self.matter_replied(item.reply)
                    self._take_queued()
            case Checked():
                if self.end_turn(item.turn):
                    self.checked(item)
            case Booked():
                if self.end_turn(item.turn):
                    self._booked(item)
            case Lined():
                if self.end_turn(item.turn):
                    self.lined(item)
            case LineLeft():
                if self.end_turn(item.turn):
                    self.line_left(item)
            case PlaceChanged():
                self.place_changed(item.standing)
            case AgentClaimed() | AgentJoined() | AgentLeft():
                self._human(item)
            case Broke():
                if self.end_turn(item.turn):
                    self._broke()
            case Alarm():
                self._alarm(item.name)
            case MachineHeard():
                self._machine(item.sign)
            case MachineSaid():
                self._machine_said(item.answered_by)
            case HungUp():
                self._hung_up()

    def _human(self, item: AgentClaimed | AgentJoined | AgentLeft) -> None:
        if isinstance(item, AgentLeft):
            self.agent_left(item)
        elif self.phase in _NO_HUMAN_COMES:
            return
        elif isinstance(item, AgentClaimed):
            if self.phase not in (Phase.JOINED, Phase.SURVEY):
                self.agent_claimed()
        else:
            self.agent_joined()

    # --- speech ---

    @property
    def _may_be_interrupted(self) -> bool:
        """Whether the bot says something just now that may be broken into."""
        if self.phase is Phase.MACHINE or not self.floor.speaking or self.floor.firm:
            return False
        if self.phase in WITH_HUMANS:
            return False
        return self.phase is not Phase.CLOSING or self.told

    def _began(self) -> None:
        self.stop("silence")
        if self._may_be_interrupted and self.floor.hold():
            self._held_for_it = True

    def _partial(self, partial: Partial) -> None:
        self.stop("silence")
        if self._may_be_interrupted and interrupts(partial.text):
            self.floor.interrupt()

    def _foresee(self, so_far: str) -> None:
        """Who rests has mostly ended: the pause that makes it certain is time to think in."""
        plain = is_yes(so_far) or is_no(so_far)
        if self.phase in _ASKS and self.waiting is None and interrupts(so_far) and not plain:
            self.out.append(Foresee(so_far))

    def _utterance(self, utterance: Utterance) -> None:
        if self.phase in (Phase.MACHINE, Phase.OPENING):
            return
        if self.phase in WITH_HUMANS:
            self._words_for_humans(utterance.text)
            return
        if is_despair(utterance.text) and not self.despaired:
            self.in_despair(utterance.text)
            return
        if self.phase is Phase.CLOSING:
            self._words_at_the_end(utterance)
            return
        if self.floor.speaking:
            if self.floor.firm or not utterance.text:
                return
            if is_listening(utterance.text):
                # While the bot was held, the question came no nearer to its end.
                held = self._held_for_it
                self._early = utterance, utterance.decided_ms if held else utterance.ended_ms
                return
            if is_scrap(utterance.text) and self.phase is not Phase.PROVE:
                return
            self.floor.interrupt()
        if not utterance.text:
            if utterance.ended_ms - utterance.began_ms >= _LONG_NOISE_MS:
                self.unheard()
            elif self.waiting is None:
                self.wait_in_silence()
            return
        self.person_spoke = True
        plain = is_yes(utterance.text) or is_no(utterance.text) or self._by_sound(utterance.text)
        if utterance.confidence < self._ask_again(utterance.pack) and not plain:
            self.unheard()
        elif self.waiting is not None:
            self._queued = utterance
        else:
            self._words(utterance)

    def _by_sound(self, text: str) -> bool:
        """Whether it sounds so much like the answer to the present question that its words do not matter."""
        if self.phase is Phase.WHO:
            return sounds_like_me(text)
        return self.phase is Phase.READ_BACK and may_be_yes(text)

    def _words_for_humans(self, text: str) -> None:
        """Whoever waits or talks with a human says most things to somebody else."""
        if text and self.phase is Phase.WAITING:
            self.waiting_words(text)
        elif text and self.phase is Phase.SURVEY:
            self.survey_words(text)

    def _words_at_the_end(self, utterance: Utterance) -> None:
        text = utterance.text
        going_on = self.told and not self.talked and not self._too_long
        if going_on and text and not is_no(text) and not is_listening(text) and not _FAREWELL.search(text):
            self.reopened(utterance)
        elif not self.floor.speaking:
            self.end(*self.ending)

    def _words(self, utterance: Utterance) -> None:
        self.stop("silence")
        match self.phase:
            case Phase.WHO:
                self.who_words(utterance)
            case Phase.PROVE:
                self.prove_words(utterance)
            case Phase.READ_BACK:
                self.read_back_words(utterance)
            case Phase.CALLBACK_TIME:
                self.time_words(utterance.text)
            case Phase.OPT_OUT:
                self.opt_out_words(utterance)
            case Phase.MATTER:
                self.matter_words(utterance)
            case _:
                pass

    def _take_queued(self) -> None:
        queued, self._queued = self._queued, None
        if queued is not None and self.waiting is None and not is_listening(queued.text):
            self._words(queued)

    def _take_early(self, at_ms: int) -> None:
        """A yes given while the question was still being asked counts, if it came near its end."""
        early, self._early = (None, self._early) if self.floor.speaking else (self._early, None)
        asked = self.question is not None and self.question.expectation.kind is Expected.YES_NO
        if early is None or not asked or self.waiting is not None:
            return
        utterance, since_ms = early
        if at_ms - since_ms <= _EARLY_MS and is_yes(utterance.text):
            self._words(utterance)

    def _read(self, item: Read) -> None:
        match self.phase:
            case Phase.WHO:
                self.who_read(self.heard, item.reading)
            case Phase.PROVE:
                self.prove_read(self.heard, item.reading)
            case Phase.READ_BACK:
                self.read_back_read(self.heard, item.reading)
            case _:
                pass

    def _booked(self, booked: Booked) -> None:
        if booked.when:
            self.on_booked(booked.when)
        else:
            self.on_refused(booked.refusal)

    # --- keys ---

    def _key(self, digit: str) -> None:
        if self.phase in (Phase.MACHINE, Phase.CLOSING, Phase.OPENING):
            return
        if self.phase in WITH_HUMANS:
            self._key_for_humans(digit)
            return
        if self.floor.firm:
            self._hold_key(digit)
            return
        self.person_spoke = True
        if self.phase is Phase.PROVE and digit != "*":
            self.floor.hush()
            self.prove_key(digit)
            return
        amount = self.question is not None and self.question.expectation.kind is Expected.AMOUNT
        if digit == "*":
            self.floor.hush()
            self.slow = True
            self.ask_again("repeat_slower")
        elif digit == "0" and not amount:
            if self.waiting is not None:
                self._hold_key(digit)
                return
            self.floor.hush()
            self._key_human()
        elif self.phase is Phase.MATTER:
            if self.waiting is None:
                self.matter_key(digit)
        elif digit in "12" and self.waiting is None:
            self.floor.hush()
            self.key_answered(digit)
            self._yes_no_key(yes=digit == "1")
        elif self.phase is Phase.READ_BACK and digit in "3456789" and self.waiting is None:
            self.floor.hush()
            self.read_back_key(digit)

    def _key_for_humans(self, digit: str) -> None:
        if self.phase is Phase.WAITING:
            self.waiting_key(digit)
        elif self.phase is Phase.SURVEY:
            self.survey_key(digit)

    def _hold_key(self, digit: str) -> None:
        """Keys that mean the same wherever they are pressed wait until they can be obeyed."""
        if digit in "0*":
            self._held_key = digit

    def _take_held_key(self) -> None:
        if self._held_key and not self.floor.firm and self.waiting is None:
            key, self._held_key = self._held_key, ""
            self._key(key)

    def _key_human(self) -> None:
        if self.phase is Phase.MATTER:
            self._typed_words("转人工")
        else:
            self._to_human("asked", "0")

    def _yes_no_key(self, *, yes: bool) -> None:
        match self.phase:
            case Phase.WHO:
                if yes:
                    self.prove()
                else:
                    self.not_them("")
            case Phase.READ_BACK:
                if yes:
                    self.read_back_yes()
                else:
                    self.read_back_no()
            case Phase.OPT_OUT:
                if yes:
                    self.opted_out()
                else:
                    self.phase = Phase.WHO
                    self.ask(self.who())
            case _:
                pass

    # --- alarms and failures ---

    def _alarm(self, name: str) -> None:
        if name == "end":
            self.floor.hush()
            self.end(self.outcome_so_far(Outcome.NOT_VERIFIED), "closing cut short")
        elif name == "longest":
            self._too_long = True
            self.close(self.outcome_so_far(Outcome.NOT_VERIFIED), "closing", note="too long")
        elif name == "beep" and self.phase is Phase.MACHINE:
            self._leave_message()
        elif name == "key":
            self.key_forgotten()
        elif name == "digits" and self.phase is Phase.PROVE:
            self.digits_missing()
        elif name == HOLD:
            self.floor.resume()
        elif name == "announce":
            self.announce_again()
        elif name == "in_line":
            self.waited_too_long()
        elif name == "accept":
            self.not_accepted()
        elif name == "survey":
            self.not_rated()
        elif name == "slow" and self.waiting is not None:
            self.say("slow_system")
        elif name == "dead" and self.waiting is not None:
            self._broke()
        elif name == "silence" and not self.floor.speaking and self.waiting is None:
            if self.phase is Phase.MATTER:
                self.matter_silence()
            elif self.phase is not Phase.CLOSING:
                self.silence()

    def _broke(self) -> None:
        """Something of ours does not answer: say so kindly; a human will call."""
        self.waiting = None
        if self.joining:
            self.not_lined()
            return
        self.out.append(CallHuman("unavailable", self.heard))
        self.close(
            self.outcome_so_far(Outcome.OUR_FAILURE), "system_down_callback", note="dialogue unavailable"
        )

    def _voice_failed(self, say: int) -> None:
        """One sentence may fail; a call without a voice ends."""
        self._mute += 1
        if self._mute >= _MUTE:
            self.out.append(CallHuman("unavailable", ""))
            self.end(self.outcome_so_far(Outcome.OUR_FAILURE), "no voice")
        else:
            self.floor.played(say)

    # --- machines ---

    def _machine(self, sign: MachineSign) -> None:
        if self.phase is Phase.MACHINE:
            if sign is MachineSign.BEEP:
                self._leave_message()
        elif self.phase in _BEFORE_PROOF and not self._a_person():
            if sign is MachineSign.FAX:
                self.floor.hush()
                self.end(Outcome.FAX, "fax")
            elif sign is MachineSign.BEEP:
                self._meet_machine()
                self._leave_message()
            elif sign is not MachineSign.MUSIC:
                self._meet_machine()

    def _machine_said(self, answered_by: str) -> None:
        if self.phase not in (Phase.MACHINE, *_BEFORE_PROOF) or self._a_person():
            return
        if answered_by == "fax":
            self.floor.hush()
            self.end(Outcome.FAX, "fax")
        elif answered_by.startswith("machine"):
            if self.phase is not Phase.MACHINE:
                self._meet_machine()
            if answered_by.startswith("machine_end"):
                self._leave_message()

    def _a_person(self) -> bool:
        """Whether what was said so far can only have been a person's: an answer that was understood."""
        return self.phase in _SPEAKS_TO_A_PERSON or self.doubts > 0

    def _meet_machine(self) -> None:
        self.floor.hush()
        self.phase = Phase.MACHINE
        self.question = None
        self.waiting = None
        for name in ("silence", "slow", "dead"):
            self.stop(name)
        self.alarm("beep", self.pace.beep)

    def _leave_message(self) -> None:
        self.stop("beep")
        if self.floor.speaking:
            return
        self.say("voicemail_neutral", firm=True, bureau=self.callee.bureau)
        self.floor.then(lambda: self.end(Outcome.VOICEMAIL, "message left"))

    # --- the other side is gone ---

    def _hung_up(self) -> None:
        if self.phase is Phase.MACHINE:
            self.end(Outcome.VOICEMAIL, "no message left")
        else:
            self.end(self.outcome_so_far(Outcome.HUNG_UP), f"hung up in {self.phase.value}")
