"""What the phases of a call share: questions and their ladders, what is being waited for, and how a call ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from telephony.call.commands import Book, CallHuman, Command, End, Exclude, Listen, SetAlarm, StopAlarm
from telephony.call.floor import Floor
from telephony.call.inputs import Reading
from telephony.call.words import Words
from telephony.events import Expectation, Expected, Outcome


class Phase(StrEnum):
    """Where the call stands."""

    OPENING = "opening"
    WHO = "who"
    PROVE = "prove"
    READ_BACK = "read_back"
    CALLBACK_TIME = "callback_time"
    OPT_OUT = "opt_out"
    MATTER = "matter"
    WAITING = "waiting"
    JOINED = "joined"
    SURVEY = "survey"
    MACHINE = "machine"
    CLOSING = "closing"
    OVER = "over"


class Purpose(StrEnum):
    """Why we call."""

    REMINDER = "reminder"
    CALLBACK = "callback"
    """They have asked to be called: a human is to speak with them."""


@dataclass(frozen=True, slots=True)
class Callee:
    """Whom we call: how to ask for them, for whom we call and why, and whether to speak slowly from the start."""

    name: str
    bureau: str
    slow: bool = False
    purpose: Purpose = Purpose.REMINDER


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait, in milliseconds."""

    silence: int = 6000
    after_answer: int = 8000
    between_digits: int = 4000
    between_groups: int = 2000
    between_keys: int = 1000
    """Keys that follow one another sooner belong together."""
    looking: int = 20_000
    """How long somebody may be silent who has gone to look for the number."""
    slow_dialogue: int = 2000
    dead_dialogue: int = 12000
    beep: int = 15000
    longest: int = 600_000
    """How long the bot talks at most; time in line and with a human does not count."""
    announce: int = 25_000
    """From one announcement of the place in line to the next."""
    in_line: int = 300_000
    accept: int = 45_000
    """How long a human who has taken the ticket may need to take the call, or to come back into it."""
    survey: int = 10_000
    hold: int = 1500
    """How long the bot waits in the middle of what it says for a sound to become words; two characters are recognised 700 to 900 ms
    after they begin."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something asked: its name, the words, the answer expected, the keys that answer it, and shorter words to ask it again."""

    name: str
    text: str
    expectation: Expectation
    keys: str = ""
    again: str = ""

    @property
    def shorter(self) -> Question:
        """For those who have heard it in full."""
        return replace(self, text=self.again) if self.again else self


YES_NO = Expectation(
    Expected.YES_NO,
    ("是", "是的", "对", "对的", "好", "好的", "行", "嗯", "没错", "可以", "不是", "不对", "没有"),
)
OPEN = Expectation()
AGAIN = ":again"
"""After a question's name in ``Say.asks``."""
LINE_ALARMS = ("announce", "in_line", "accept", "survey")
UNSURE = 0.4
"""Readings below this are no readings (the threshold of ``config.yml``)."""
SURE = 0.93
"""Below this a wish that cannot be taken back is asked about once more."""


class Base:
    """State and tools of a call; the phases are built on it."""

    def __init__(self, callee: Callee, words: Words, pace: Pace) -> None:
        self.callee = callee
        self.words = words
        self.pace = pace
        self.out: list[Command] = []
        self.floor = Floor(self.out.append, pace.hold)
        self.phase = Phase.OPENING
        self.question: Question | None = None
        self.person_spoke = False
        self.slow = callee.slow
        self.silent_steps = 0
        self.unheard_steps = 0
        self.turn = 0
        self.waiting: int | None = None
        self.heard: str = ""
        """The words that are being read or answered."""
        self.ending: tuple[Outcome, str] = (Outcome.OUR_FAILURE, "")
        self.on_booked: Callable[[str], None] = lambda when: None
        self.on_refused: Callable[[str], None] = lambda why: None

    # --- saying and asking ---

    def say(self, text_id: str, /, *, firm: bool = False, **filled: object) -> None:
        """Say one of the fixed texts."""
        self.floor.say(self.words.say(text_id, **filled), firm=firm, slow=self.slow)

    def ask(self, question: Question, *, again: bool = False) -> None:
        """Say a question and wait for its answer; ``again``: the answer was not understood."""
        self.floor.say(question.text, slow=self.slow, asks=question.name + (AGAIN if again else ""))
        self.await_answer(question)

    def await_answer(self, question: Question) -> None:
        """Wait for the answer to a question whose words are being said already."""
        self.question = question
        self.out.append(Listen(question.expectation))
        self.floor.then(self.wait_in_silence)

    def ask_again(self, *before: str, again: bool = False) -> None:
        """Say the texts named, then the present question once more; ``again`` as in :meth:`ask`."""
        for name in before:
            self.say(name)
        if self.question is not None:
            self.ask(self.question.shorter, again=again)

    def wait_in_silence(self) -> None:
        """The idle clock starts when the bot has stopped speaking."""
        self.alarm("silence", self.pace.after_answer if self.phase is Phase.MATTER else self.pace.silence)

    # --- waiting ---

    def begin_turn(self, words: str) -> int:
        """A number for what is now asked of others; an older one that comes back late counts no more."""
        self.turn += 1
        self.waiting = self.turn
        self.heard = words
        self.stop("silence")
        self.alarm("slow", self.pace.slow_dialogue)
        self.alarm("dead", self.pace.dead_dialogue)
        return self.turn

    def end_turn(self, turn: int) -> bool:
        """Whether ``turn`` is the one that is waited for; it is settled then."""
        if turn != self.waiting:
            return False
        self.waiting = None
        self.stop("slow")
        self.stop("dead")
        return True

    def alarm(self, name: str, after_ms: int) -> None:
        """Set an alarm."""
        self.out.append(SetAlarm(name, after_ms))

    def stop(self, name: str) -> None:
        """Stop an alarm."""
        self.out.append(StopAlarm(name))

    # --- ladders ---

    def understood(self) -> None:
        """The ladders begin anew."""
        self.silent_steps = self.unheard_steps = 0

    def unheard(self) -> None:
        """Nothing that makes sense was heard: ask again, then with the keys, then give it up kindly."""
        self.unheard_steps += 1
        if self.unheard_steps >= 3:
            self.give_up("not_understood")
        elif self.unheard_steps == 2:
            self.say("no_hear_2")
            self._ask_with_keys()
        else:
            self.ask_again("no_hear_1", again=True)

    def silence(self) -> None:
        """Nobody says anything: ask again, then with the keys, then say goodbye."""
        self.silent_steps += 1
        if self.silent_steps >= 3:
            otherwise = Outcome.NOT_VERIFIED if self.person_spoke else Outcome.SILENT
            self.close(self.outcome_so_far(otherwise), "silence_3", note="silence")
        elif self.silent_steps == 2:
            self.say("silence_2")
            self._ask_with_keys()
        else:
            self.ask_again("silence_1", again=True)

    def _ask_with_keys(self) -> None:
        if self.question is None:
            return
        if self.question.keys:
            self.floor.say(self.question.shorter.text, slow=self.slow)
            self.ask(replace(self.question, text=self.question.keys, again=""), again=True)
        else:
            self.ask(self.question, again=True)

    def give_up(self, reason: str) -> None:
        """Misunderstood too often: a human will call back."""
        self.out.append(CallHuman(reason, self.heard))
        self.calls_back(reason)

    def calls_back(self, reason: str) -> None:
        """Book it, and say goodbye."""
        self.book(
            lambda when: self.close(self.outcome_so_far(Outcome.CALLBACK), "no_hear_3", note=reason),
            lambda why: self.close(self.outcome_so_far(Outcome.NOT_VERIFIED), "no_hear_3", note=reason),
        )

    # --- what may happen in any phase ---

    def book(self, booked: Callable[[str], None], refused: Callable[[str], None], words: str = "") -> None:
        """Book a call back by a human, at the time the words name."""
        self.on_booked, self.on_refused = booked, refused
        self.out.append(Book(self.begin_turn(words), words))

    def exclude(self, kind: str) -> None:
        """Note that this number is not to be called again."""
        self.out.append(Exclude(kind))

    def outcome_so_far(self, otherwise: Outcome) -> Outcome:
        """How the call would count if it ended now."""
        return otherwise

    # --- the end ---

    def close(self, outcome: Outcome, *names: str, note: str = "") -> None:
        """Say the last words, then hang up."""
        if self.phase is Phase.OVER:
            return
        self.phase = Phase.CLOSING
        self.ending = (outcome, note)
        self.question = None
        self.waiting = None
        for name in ("silence", "slow", "dead", "digits", *LINE_ALARMS):
            self.stop(name)
        for name in names:
            self.say(name)
        self.alarm("end", 30_000)
        self.floor.then(lambda: self.end(outcome, note))

    def end(self, outcome: Outcome, note: str = "") -> None:
        """Hang up."""
        if self.phase is Phase.OVER:
            return
        self.phase = Phase.OVER
        self.out.append(End(outcome, note))


def sure_enough(reading: Reading) -> bool:
    """Whether a reading counts at all."""
    return reading.confidence >= UNSURE and reading.intent not in ("nlu_fallback", "out_of_scope")
