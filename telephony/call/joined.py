"""A human has the call: the bot is silent until they leave, asks how it was, and ends the call or goes on."""

from __future__ import annotations

import re

from telephony.call.base import Phase
from telephony.call.commands import BackInLine, Connect, Disconnect, Listen, Rate
from telephony.call.inputs import AgentLeft, Leaving
from telephony.call.plain import bare
from telephony.call.waiting import Waiting
from telephony.events import Expectation, Expected, Outcome

_SCORES = (
    (1, re.compile(r"(很|非常|太|特别|极)不满意|太差|很差")),
    (2, re.compile(r"不(太|大|怎么)?满意|不好")),
    (5, re.compile(r"(很|非常|特别|十分)(满意|好)|好极|太好")),
    (4, re.compile(r"满意|好")),
    (3, re.compile(r"一般|还行|凑合|马马虎虎")),
)
"""Words for a score, those that hold others first."""
_POINTS = re.compile(r"([1-5一二两三四五])分|^([1-5一二三四五])$")
_NUMBERS = {sign: n for n, signs in enumerate(("1一", "2二两", "3三", "4四", "5五"), 1) for sign in signs}
_SCORE = Expectation(Expected.DIGITS, ("五分", "四分", "满意", "很满意", "不满意"), 1)


class Joined(Waiting):
    """From the human's first word until the survey is over."""

    _goes_on = False
    """Whether the bot goes on after the survey."""

    def agent_joined(self) -> None:
        """They want to talk: the caller is told, then both hear each other."""
        if self.phase is Phase.JOINED:
            return
        self.leave_all_else()
        self.phase = Phase.JOINED
        self.claimed, self.talked = False, True
        self.say("agent_here", firm=True)
        self.floor.then(lambda: self.out.append(Connect()))

    def agent_left(self, left: AgentLeft) -> None:
        """They have gone, in whatever way."""
        if self.phase is Phase.SURVEY:
            self._goes_on = self._goes_on or left.how is Leaving.TO_BOT
        elif self.phase is Phase.JOINED:
            self.floor.hush()
            self.out.append(Disconnect())
            self._after_the_talk(left.how)
        elif self.phase is Phase.WAITING and self.claimed:
            self._before_the_talk(left.how)

    def _after_the_talk(self, how: Leaving) -> None:
        match how:
            case Leaving.VANISHED:
                self.phase, self.claimed = Phase.WAITING, True
                self.say("agent_lost")
                self.alarm("accept", self.pace.accept)
            case Leaving.IN_LINE | Leaving.DECLINED:
                self.in_line_again("agent_changes")
            case Leaving.DONE | Leaving.TO_BOT:
                self._goes_on = how is Leaving.TO_BOT
                self._ask_how_it_was()

    def _before_the_talk(self, how: Leaving) -> None:
        match how:
            case Leaving.VANISHED:
                pass
            case Leaving.DECLINED:
                self.out.append(BackInLine())
                self.in_line_again("agent_missed")
            case Leaving.IN_LINE:
                self.in_line_again("agent_changes")
            case Leaving.DONE | Leaving.TO_BOT:
                self.floor.hush()
                self._goes_on = how is Leaving.TO_BOT
                if self.talked:
                    self._ask_how_it_was()
                else:
                    self._go_on()

    # --- the survey ---

    def _ask_how_it_was(self) -> None:
        self.phase = Phase.SURVEY
        self.stop("accept")
        self.say("survey_ask")
        self.out.append(Listen(_SCORE))
        self.floor.then(lambda: self.alarm("survey", self.pace.survey))

    def survey_words(self, text: str) -> None:
        """A score in words, or nothing that is one."""
        points = _POINTS.search(bare(text))
        if points is not None:
            self._rated(_NUMBERS[points[1] or points[2]])
        elif score := next((s for s, words in _SCORES if words.search(text)), None):
            self._rated(score)

    def survey_key(self, digit: str) -> None:
        """A key."""
        if digit in "12345":
            self._rated(int(digit))
        elif digit in "0*":
            self.floor.hush()
            self._ask_how_it_was()

    def _rated(self, score: int) -> None:
        self.floor.hush()
        self.out.append(Rate(score))
        self.say("survey_thanks")
        self._go_on()

    def not_rated(self) -> None:
        """Nobody has to."""
        if self.phase is Phase.SURVEY:
            self._go_on()

    def _go_on(self) -> None:
        self.stop("survey")
        if self._goes_on:
            self.back_to_bot()
        else:
            self.close(Outcome.HUMAN, "goodbye", note="talked" if self.talked else "human")
