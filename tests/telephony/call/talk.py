"""A call on virtual time: a person's side is played by hand, everything else by twins that answer at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from telephony.call.base import Callee, Purpose
from telephony.call.brain import Brain
from telephony.call.commands import (
    Ask,
    BackInLine,
    Book,
    CallHuman,
    CheckDigits,
    Command,
    Connect,
    Disconnect,
    End,
    Exclude,
    Foresee,
    Hold,
    Hush,
    JoinLine,
    LeaveLine,
    Listen,
    OpenMatter,
    Rate,
    Resume,
    Say,
    SetAlarm,
    StopAlarm,
    Understand,
)
from telephony.call.inputs import (
    Alarm,
    Answered,
    Booked,
    Broke,
    Checked,
    HungUp,
    Input,
    Lined,
    LineLeft,
    Played,
    Read,
    Reading,
    Replied,
    Reply,
    Standing,
    Verdict,
)
from telephony.call.words import shared_words
from telephony.events import Expectation, KeyPressed, Partial, SpeechBegan, SpeechPaused, Utterance

SIGN_MS = 200
"""How long a Han character takes to say."""
RIGHT = "0043"


@dataclass
class Talk:
    """One call and what has come of it. ``readings`` by words, ``replies`` by what is asked of the dialogue.

    ``standing``: the place in line one gets, ``None`` where nobody is there; ``quicker``: a human has the ticket before the
    caller can leave the line; ``deaf_queue``: it does not answer who wants to join.
    """

    readings: dict[str, Reading] = field(default_factory=dict)
    replies: dict[str, Reply | None] = field(default_factory=dict)
    matter: Reply | None = field(default_factory=lambda: Reply(("给您提个醒：有一笔税没缴。",)))
    book: Callable[[str], tuple[str, str]] = lambda words: ("明天下午3点", "")
    tries: int = 3
    standing: Standing | None = None
    quicker: bool = False
    deaf_queue: bool = False
    purpose: Purpose = Purpose.REMINDER

    def __post_init__(self) -> None:
        self.now = 0
        self.brain = Brain(Callee("王建国", "成都市税务局", purpose=self.purpose), shared_words())
        self.said: list[str] = []
        self.questions: list[str] = []
        """As ``Say.asks`` names them."""
        self.saying: list[tuple[Say, int]] = []
        self.alarms: dict[str, int] = {}
        self.excluded: list[str] = []
        self.humans: list[str] = []
        self.left: list[str] = []
        self.line: list[Command] = []
        """What was asked of the bridge and the queue."""
        self.checked: list[str] = []
        self.asked: list[str] = []
        self.foreseen: list[str] = []
        self.cut: list[str] = []
        self.held_ms: int | None = None
        """Since when the bot has been silent in the middle of what it says."""
        self.holds: list[tuple[int, int]] = []
        """From when until when it was, and went on then."""
        self.expected: Expectation | None = None
        self.ended: End | None = None

    def put(self, item: Input) -> None:
        """Bring something to the call and do what it leads to."""
        for command in self.brain.handle(item):
            self._do(command)

    def answer(self) -> Talk:
        """Pick up."""
        self.put(Answered())
        return self

    def hear_out(self) -> Talk:
        """Let the bot finish."""
        while self.saying:
            if self.held_ms is not None:
                self.wait(self.brain.pace.hold)
                assert self.held_ms is None, "held for ever"
            say, ends = self.saying[0]
            self.now = max(self.now, ends)
            self.saying.pop(0)
            self.put(Played(say.say, self.now))
        return self

    def say(self, text: str, confidence: float = 0.9) -> Talk:
        """The person speaks, once the bot has finished."""
        self.hear_out()
        return self.speak(text, confidence)

    def speak(self, text: str, confidence: float = 0.9) -> Talk:
        """The person speaks now, whatever the bot is doing."""
        began = self.now
        self.put(SpeechBegan(began))
        for end in range(2, len(text) + 1, 2):
            self.now = began + end * SIGN_MS
            self.put(Partial(text[:end], self.now))
        self.now = began + max(len(text), 1) * SIGN_MS
        self.put(Utterance(text, text, confidence, "mandarin", began, self.now, self.now + 300))
        return self

    def sound(self, ms: int, so_far: str = "") -> Talk:
        """The person makes a sound now and rests; ``so_far`` has been recognised by then."""
        self.put(SpeechBegan(self.now))
        self.wait(ms)
        if so_far:
            self.put(Partial(so_far, self.now))
        self.wait(200)
        self.put(SpeechPaused(so_far, self.now))
        return self

    def noise(self, ms: int) -> Talk:
        """Sound without words."""
        self.hear_out()
        began, self.now = self.now, self.now + ms
        self.put(SpeechBegan(began))
        self.put(Utterance("", "", 0.0, "mandarin", began, self.now, self.now + 300))
        return self

    def press(self, keys: str) -> Talk:
        """Keys, one after the other."""
        for key in keys:
            self.put(KeyPressed(key))
        return self

    def wait(self, ms: int) -> Talk:
        """Time passes: the bot speaks on, alarms ring in their order."""
        until = self.now + ms
        while self.ended is None:
            due = [(at, "alarm", name) for name, at in self.alarms.items()]
            due += [(ends, "played", "") for _, ends in self.saying[:1] if self.held_ms is None]
            at, kind, name = min(due, default=(until + 1, "", ""))
            if at > until:
                break
            self.now = max(self.now, at)
            if kind == "alarm":
                del self.alarms[name]
                self.put(Alarm(name))
            else:
                say, _ = self.saying.pop(0)
                self.put(Played(say.say, self.now))
        self.now = max(self.now, until)
        return self

    def hang_up(self) -> Talk:
        """The person is gone."""
        self.put(HungUp())
        return self

    @property
    def last(self) -> str:
        """The last thing the bot began to say."""
        return self.said[-1] if self.said else ""

    def _do(self, command: Command) -> None:
        match command:
            case Say():
                starts = self.saying[-1][1] if self.saying else self.now
                self.saying.append((command, starts + len(command.text) * SIGN_MS))
                self.said.append(command.text)
                if command.asks:
                    self.questions.append(command.asks)
            case Hush():
                self.cut += [say.text for say, _ in self.saying]
                self.saying.clear()
                self.held_ms = None
            case Hold():
                assert self.held_ms is None and self.saying
                self.held_ms = self.now
            case Resume():
                assert self.held_ms is not None
                self.holds.append((self.held_ms, self.now))
                self.saying = [(say, ends + self.now - self.held_ms) for say, ends in self.saying]
                self.held_ms = None
            case Listen():
                self.expected = command.expectation
            case SetAlarm():
                self.alarms[command.name] = self.now + command.after_ms
            case StopAlarm():
                self.alarms.pop(command.name, None)
            case Foresee():
                self.foreseen.append(command.text)
            case Exclude():
                self.excluded.append(command.kind)
            case CallHuman():
                self.humans.append(command.reason)
            case Connect() | Disconnect() | BackInLine() | Rate():
                self.line.append(command)
            case End():
                self.ended = command
            case _:
                self._ask(command)

    def _ask(
        self, command: Understand | OpenMatter | Ask | CheckDigits | Book | JoinLine | LeaveLine
    ) -> None:
        match command:
            case Understand():
                self.put(Read(command.turn, self.readings.get(command.text, Reading("nlu_fallback", 0.2))))
            case OpenMatter():
                self._reply(command.turn, self.matter)
            case Ask():
                self.asked.append(command.text)
                self._reply(command.turn, self.replies.get(command.text, Reply(("好的。",))))
            case CheckDigits():
                self.checked.append(command.digits)
                self.tries -= command.digits != RIGHT
                right = command.digits == RIGHT
                verdict = Verdict.RIGHT if right else Verdict.WRONG if self.tries else Verdict.LOCKED
                self.put(Checked(command.turn, verdict, self.tries))
            case Book():
                self.put(Booked(command.turn, *self.book(command.words)))
            case JoinLine():
                self.humans.append(command.reason)
                if not self.deaf_queue:
                    self.put(Lined(command.turn, self.standing))
            case LeaveLine():
                self.left.append("callback" if command.callback else "bot")
                self.put(LineLeft(command.turn, not self.quicker))

    def _reply(self, turn: int, reply: Reply | None) -> None:
        """``None`` stands for a dialogue that says nothing: the alarm for the dead one will ring."""
        if reply is not None:
            self.put(Replied(turn, reply))

    def broke(self) -> None:
        """Whoever was asked last fails."""
        self.put(Broke(self.brain.turn))


def proven(talk: Talk) -> Talk:
    """The call up to the matter."""
    return talk.answer().say("是的").say("零零四三").say("对").hear_out()
