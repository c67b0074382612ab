"""In line for a human: the caller keeps the line, hears where they stand, and may be called back or go on with the bot."""

from __future__ import annotations

import re
from collections.abc import Callable

from telephony.call.base import LINE_ALARMS, OPEN, Base, Phase, Question
from telephony.call.commands import BackInLine, CallHuman, JoinLine, LeaveLine, Listen
from telephony.call.inputs import Lined, LineLeft, Standing
from telephony.call.plain import bare, is_despair
from telephony.events import Expectation, Expected, Outcome

_CALL_BACK = re.compile(
    r"回电|回个?电话|回拨|打回|打给我|再打来|(不想|不|懒得)等了|等不(了|及|起)|不(想|愿)等|挂了"
)
_GO_ON = re.compile(
    r"接着(问|说)|继续(问|说|跟你)|问你|跟你说|不用?(转|找|要)(人工|人|了)|(算|先不|不用)了|机器人"
)
_HOW_LONG = re.compile(r"多久|多长时间|几个人|几位|第几|多少人|到我|排到")
_WORDS_FOR_KEYS = {"一": "1", "1": "1", "二": "2", "2": "2"}
_KEYS_EVERY = 3
"""The keys are named again with every so many announcements."""
WITH_HUMANS = frozenset({Phase.WAITING, Phase.JOINED, Phase.SURVEY})
LINE = Expectation(Expected.OPEN, ("给我回电话", "我不等了", "接着问你", "还要多久"))


class Waiting(Base):
    """From the wish for a human until one has the call, or the caller waits no longer."""

    told = False
    """Whether the taxpayer has heard why we call."""
    done: Outcome | None = None
    """What the call counts as, whatever comes after."""
    standing = Standing(0, 0)
    claimed = False
    """Whether a human has taken the ticket and is about to take the call."""
    talked = False
    """Whether a human has spoken with the caller."""
    despaired = False
    """Whether words of despair were heard: they are answered once, and nothing else counts any more."""
    joining = False
    """Whether the place in line is still being asked for."""
    _announced = 0
    _callback = False
    _before: tuple[Phase, Question | None, Outcome | None] = (Phase.OPENING, None, None)
    _first = ""
    _nobody: Callable[[], None]

    def join_line(self, reason: str, words: str, *, first: str = "", nobody: Callable[[], None]) -> None:
        """Ask for a place in line.

        There is one: the text ``first`` is said, or nothing where the dialogue has told the place already. There is none:
        ``nobody`` does what is done without anybody.
        """
        self._before = (self.phase, self.question, self.done)
        self._first, self._nobody = first, nobody
        self.joining, self.claimed = True, False
        self.phase, self.question = Phase.WAITING, None
        self.stop("end")
        self.out.append(JoinLine(self.begin_turn(words), reason, words))

    def lined(self, item: Lined) -> None:
        """The answer to that."""
        if item.standing is None:
            self.not_lined()
            return
        self.joining = False
        self.done = Outcome.HUMAN
        self.stop("longest")
        self.standing = item.standing
        if item.standing.claimed:
            self.agent_claimed()
            return
        self.out.append(Listen(LINE))
        self.alarm("in_line", self.pace.in_line)
        self._announced = 0
        if self._first:
            self.say(self._first)
        self._announce(place=bool(self._first))

    def not_lined(self) -> None:
        """Nobody is there, or nobody knows."""
        self.joining = False
        self.phase, self.question, _ = self._before
        self._nobody()

    # --- what the caller hears ---

    def _announce(self, *, place: bool = True) -> None:
        """Where they stand; now and then the keys as well."""
        if not place:
            pass
        elif self.standing.agents == 0:
            self.say("line_nobody")
        elif self.standing.ahead == 0:
            self.say("line_next")
        elif self.standing.minutes is not None:
            self.say("line_place_minutes", ahead=self.standing.ahead, minutes=self.standing.minutes)
        else:
            self.say("line_place", ahead=self.standing.ahead)
        if self._announced % _KEYS_EVERY == 0 or self.standing.agents == 0:
            self.say("line_keys")
        self._announced += 1
        self.floor.then(lambda: self.alarm("announce", self.pace.announce))

    def announce_again(self) -> None:
        """It is time for the next announcement."""
        if self.phase is Phase.WAITING and not self.claimed and not self.floor.speaking:
            self._announce()

    def place_changed(self, standing: Standing) -> None:
        """The line has moved: said with the next announcement."""
        self.standing = standing

    # --- what the caller wants ---

    def waiting_words(self, text: str) -> None:
        """Words while waiting; most are meant for somebody beside the phone."""
        if is_despair(text) and not self.despaired:
            self.despaired = True
            self.out.append(CallHuman("distress", text))
            self.floor.hush()
            self.say("distress")
            self.floor.then(lambda: self.alarm("announce", self.pace.announce))
        elif key := _WORDS_FOR_KEYS.get(bare(text)):
            self.waiting_key(key)
        elif _CALL_BACK.search(text):
            self.waiting_key("1")
        elif _GO_ON.search(text):
            self.waiting_key("2")
        elif _HOW_LONG.search(text):
            self.waiting_key("0")

    def waiting_key(self, digit: str) -> None:
        """1 a call back, 2 on with the bot, ``0`` and ``*`` the place once more."""
        if self.waiting is not None or self.claimed:
            return
        if digit in "12":
            self._callback = digit == "1"
            self._leave()
        elif digit in "0*":
            self.slow = self.slow or digit == "*"
            self.floor.hush()
            self.stop("announce")
            self._announced = 0
            self._announce()

    def waited_too_long(self) -> None:
        """Nobody has come: a call back instead, without being asked."""
        if self.phase is Phase.WAITING and not self.claimed and self.waiting is None:
            self._callback = True
            self._leave()
            self.say("line_too_long")

    def _leave(self) -> None:
        self.floor.hush()
        self._stop_alarms()
        self.out.append(LeaveLine(self.begin_turn(""), self._callback))

    def line_left(self, left: LineLeft) -> None:
        """The place in line is given up, unless a human was quicker."""
        if not left.gone:
            self.agent_claimed()
        elif self._callback:
            self.done = Outcome.CALLBACK
            self.book(self._booked_instead, self._not_booked_instead)
        else:
            self.say("line_left")
            self.back_to_bot()

    def _booked_instead(self, when: str) -> None:
        self.say("human_calls_back", time=when)
        self.close(Outcome.CALLBACK, "goodbye", note="callback instead")

    def _not_booked_instead(self, why: str) -> None:
        self.close(Outcome.CALLBACK, "human_later", note="callback instead")

    def back_to_bot(self) -> None:
        """The bot goes on where it was before."""
        self._stop_alarms()
        self.phase, question, before = self._before
        if self.done is Outcome.HUMAN and not self.talked:
            self.done = before
        self.understood()
        self.alarm("longest", self.pace.longest)
        if self.phase is Phase.MATTER or self.told:
            self.phase = Phase.MATTER
            self.ask(Question("more", self.words.say("line_more"), OPEN, self.words.say("keys_human")))
        elif question is not None:
            self.ask(question)
        else:
            self.close(self.outcome_so_far(Outcome.NOT_VERIFIED), "closing_unverified", note="goodbye")

    # --- a human comes, or does not ---

    def agent_claimed(self) -> None:
        """A human has the ticket: they hear first what it is about."""
        if self.phase is Phase.WAITING and self.claimed:
            return
        self.leave_all_else()
        self.claimed = True
        self.say("agent_coming")
        self.alarm("accept", self.pace.accept)

    def leave_all_else(self) -> None:
        """Whatever was being said or waited for, a human comes first."""
        if self.phase not in WITH_HUMANS:
            self._before = (self.phase, self.question, self.done)
        self.phase, self.question = Phase.WAITING, None
        self.waiting, self.joining = None, False
        self.done = Outcome.HUMAN
        self.floor.hush()
        for name in ("silence", "slow", "dead", "digits", "longest", *LINE_ALARMS):
            self.stop(name)

    def not_accepted(self) -> None:
        """They did not take the call in time, or did not come back into it: anybody may."""
        if self.phase is Phase.WAITING and self.claimed:
            self.out.append(BackInLine())
            self.in_line_again("agent_missed")

    def in_line_again(self, name: str) -> None:
        """Whoever had the call is gone: the caller hears the text ``name`` and waits for the next one."""
        self.phase, self.claimed = Phase.WAITING, False
        self.floor.hush()
        self._stop_alarms()
        self.say(name)
        self.out.append(Listen(LINE))
        self.alarm("in_line", self.pace.in_line)
        self._announced = 1
        self.floor.then(lambda: self.alarm("announce", self.pace.announce))

    def _stop_alarms(self) -> None:
        for name in LINE_ALARMS:
            self.stop(name)
