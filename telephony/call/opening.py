"""The opening: who and what we are, whether the right person is there, and what strangers get to hear: nothing."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from telephony.call.base import SURE, YES_NO, Phase, Purpose, Question, sure_enough
from telephony.call.commands import Understand
from telephony.call.inputs import Reading
from telephony.call.joined import Joined
from telephony.call.plain import is_no, is_yes, sounds_like_me
from telephony.events import Expectation, Expected, Outcome, Utterance

_WRONG_NUMBER = re.compile(r"打错|拨错|找错|不认识|没(有)?这个人|查无此人|号码换|不是这个(电话|号码)|号主")
_WHAT_FOR = re.compile(
    r"什么事|啥事|啥子事|乜嘢事|做什么|干什么|干嘛|做咩|有事(吗|嘛)|哪样事|什么情况|咋回事|怎么回事"
)
_ABSENT = re.compile(
    r"不在|出去|出门|上班|没回来|冇喺|勿在|等下回|等会|回头|老公|老婆|爱人|儿子|女儿|爸|妈|员工|同事|会计"
)
_DIRECT = frozenset({"request_human", "complain", "distress", "opt_out", "busy_now", "request_callback"})
_DOUBTS = 3
"""How often doubt is answered with how to check us before the call is ended for their peace of mind."""
TIME = Expectation(Expected.DATE, ("明天上午", "明天下午", "下午三点", "随时都可以", "尽快"))


class Opening(Joined, ABC):
    """From the answer to the proof: disclosure, who is there, and every other way a stranger may react."""

    doubts = 0

    def greet(self) -> None:
        """The disclosure, which nobody can interrupt, then the question for the person."""
        self.alarm("longest", self.pace.longest)
        self.say("disclosure", firm=True, bureau=self.callee.bureau)
        self.phase = Phase.WHO
        self.ask(self.who())

    def who(self) -> Question:
        """Is it you?"""
        asked = self.words.say("ask_person", name=self.callee.name)
        return Question("who", asked, YES_NO, self.words.say("keys_yes_no"))

    def who_words(self, utterance: Utterance) -> None:
        """Words in answer to the question for the person."""
        if is_yes(utterance.text) or sounds_like_me(utterance.text):
            self.prove()
        elif is_no(utterance.text):
            self.not_them(utterance.text)
        else:
            self.out.append(Understand(self.begin_turn(utterance.text), utterance.text))

    def who_read(self, text: str, reading: Reading) -> None:
        """The reading of such words."""
        if _WRONG_NUMBER.search(text):
            self.not_them(text)
        elif sure_enough(reading) and reading.intent in ("affirm", "verify_self"):
            self.prove()
        elif sure_enough(reading) and reading.intent in ("deny", "wrong_person"):
            self.not_them(text)
        elif _ABSENT.search(text) and reading.intent not in _DIRECT:
            self.not_them(text)
        elif not self.aside(text, reading):
            self.unheard()

    def not_them(self, text: str) -> None:
        """Somebody else is there: they learn nothing; a wrong number is noted."""
        self.understood()
        if _WRONG_NUMBER.search(text):
            self.exclude("wrong_person")
            self.close(Outcome.WRONG_PERSON, "not_person_ok", note="wrong_number")
        elif _ABSENT.search(text):
            self.close(Outcome.NOT_VERIFIED, "third_party_goodbye", note="third_party")
        else:
            self.close(Outcome.WRONG_PERSON, "third_party_goodbye", note="denied")

    @abstractmethod
    def prove(self) -> None:
        """They say they are the person; see ``proving``."""

    def aside(self, text: str, reading: Reading) -> bool:
        """Whatever may be said before the identity is proven instead of an answer; false when it was none of it."""
        intent = reading.intent if sure_enough(reading) else ""
        if _WHAT_FOR.search(text) and intent not in _DIRECT:
            intent = "what_for"
        if intent in (
            "suspect_fraud",
            "ask_identity_of_bureau",
            "greet",
            "what_for",
            "repeat",
        ) or intent.startswith("ask_"):
            self._answer_and_ask_again(intent)
        elif intent in ("busy_now", "request_callback"):
            self.understood()
            self._ask_time(text if intent == "request_callback" else "")
        elif intent == "opt_out":
            self.understood()
            self._opt_out(reading)
        elif intent in ("request_human", "complain"):
            self.understood()
            self._to_human("complaint" if intent == "complain" else "asked", text)
        elif intent == "distress":
            self.in_despair(text)
        elif intent == "goodbye":
            self.close(Outcome.NOT_VERIFIED, "closing_unverified", note="goodbye")
        else:
            return False
        return True

    def in_despair(self, text: str) -> None:
        """The caller is told where help is, and a human takes over, at once or soon."""
        self.person_spoke = self.despaired = True
        self.floor.hush()
        self.say("distress")
        self.join_line(
            "distress",
            text,
            first="line_distress",
            nobody=lambda: self.close(Outcome.HUMAN, "distress_bye", note="distress"),
        )

    def _answer_and_ask_again(self, intent: str) -> None:
        self.understood()
        if intent == "repeat":
            self.slow = True
            self.ask_again("repeat_slower")
        elif intent == "suspect_fraud":
            self.doubts += 1
            if self.doubts >= _DOUBTS:
                self.close(Outcome.NOT_VERIFIED, "closing_doubt", note="suspicious")
            else:
                self.ask_again("proof_of_us")
        elif intent in ("ask_identity_of_bureau", "greet"):
            if self.callee.purpose is Purpose.CALLBACK:
                self.say("who_calls_back", bureau=self.callee.bureau)
            else:
                self.say("who_we_are", bureau=self.callee.bureau)
            self.ask_again()
        else:
            self.ask_again("verify_first")

    def _opt_out(self, reading: Reading) -> None:
        if reading.confidence >= SURE or self.phase is Phase.OPT_OUT:
            self.opted_out()
            return
        self.phase = Phase.OPT_OUT
        self.ask(Question("opt_out", self.words.say("opt_out_ask"), YES_NO, self.words.say("keys_yes_no")))

    def opted_out(self) -> None:
        """No more reminder calls."""
        self.exclude("opt_out")
        self.close(Outcome.OPTED_OUT, "opt_out_ack", note="opt_out")

    def opt_out_words(self, utterance: Utterance) -> None:
        """The answer to whether no calls at all are wanted any more."""
        if is_yes(utterance.text) or "别" in utterance.text or "不要" in utterance.text:
            self.opted_out()
        else:
            self.phase = Phase.WHO
            self.ask(self.who())

    def _to_human(self, reason: str, text: str) -> None:
        self.join_line(
            reason,
            text,
            first="line_asked",
            nobody=lambda: self.book(
                self._human_calls_back,
                lambda why: self.close(Outcome.HUMAN, "human_later", note=reason),
            ),
        )

    def _human_calls_back(self, when: str) -> None:
        self.say("human_calls_back", time=when)
        self.close(Outcome.HUMAN, "goodbye", note="human")

    # --- a call back at another time ---

    def _ask_time(self, words: str) -> None:
        self.phase = Phase.CALLBACK_TIME
        if words:
            self.time_words(words)
        else:
            self.ask(self._time_question("busy_offer_callback"))

    def ask_other_time(self) -> None:
        """They were called as they had asked, and no human is there."""
        self.phase = Phase.CALLBACK_TIME
        self.say("callback_nobody")
        self.ask(self._time_question("callback_ask_time"))

    def _time_question(self, name: str) -> Question:
        return Question("callback_time", self.words.say(name), TIME)

    def time_words(self, words: str) -> None:
        """When they would like to be called."""
        if is_no(words) or re.search(r"不用(打|回)|别打|不需要", words):
            self.close(self.outcome_so_far(Outcome.NOT_VERIFIED), "closing_unverified", note="busy")
            return
        self.book(self._time_booked, self._time_refused, words)

    def _time_booked(self, when: str) -> None:
        self.say("callback_confirm", time=when)
        self.close(Outcome.CALLBACK, "goodbye", note=when)

    def _time_refused(self, why: str) -> None:
        self.unheard_steps += 1
        if self.unheard_steps >= 3:
            self.book(
                self._time_booked,
                lambda _: self.close(
                    self.outcome_so_far(Outcome.NOT_VERIFIED), "closing_unverified", note="busy"
                ),
            )
            return
        if why:
            self.floor.say(why, slow=self.slow)
        self.ask(self._time_question("callback_ask_time"))
