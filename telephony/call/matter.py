"""The matter: the dialogue tells why we call and answers, and the call ends with what happens next."""

from __future__ import annotations

import re

from telephony.call.base import AGAIN, OPEN, YES_NO, Phase, Question
from telephony.call.commands import Ask
from telephony.call.inputs import Choice, Reply
from telephony.call.plain import is_no, is_yes
from telephony.call.proving import Proving
from telephony.events import Expectation, Expected, Outcome, Utterance

_YES_NO_SLOTS = frozenset({"promise_confirmed", "def_confirmed", "withdraw_confirmed"})
_AMOUNT_SLOTS = frozenset({"def_cash", "def_wages", "def_social"})
_DATE_SLOTS = frozenset({"promise_date", "paid_date", "callback_time"})
_ENDS: dict[str, Outcome] = {"action_opt_out": Outcome.OPTED_OUT, "action_wrong_person": Outcome.WRONG_PERSON}
"""Actions that end the call, unless they ask back (they offer choices then)."""
_NOT_UNDERSTOOD = "action_default_fallback"
_HUMAN = frozenset({"action_human", "action_distress"})
_DONE: dict[str, Outcome] = {"action_callback_submit": Outcome.CALLBACK}
_FAREWELL = frozenset({"goodbye"})
_A_YES, _A_NO = re.compile(r"对|是"), re.compile(r"不")
"""How choices begin that are a yes or a no: 对，别再联系我 · 不是，我是本人."""
_SPOKEN_CHOICES = 3
_ASKS_BACK = re.compile(r"[？?]\s*$")


class Matter(Proving):
    """Everything after the proof."""

    choices: tuple[Choice, ...] = ()
    offered: frozenset[str] = frozenset()
    """Choices that have been named once: nobody wants to hear them after every answer."""
    typed = ""
    asked_whether_more = False
    nobody_there = False
    """Whether it is known that nobody can take the call now; the bot goes on then."""

    def outcome_so_far(self, otherwise: Outcome) -> Outcome:
        """Told is completed, whatever comes after."""
        if self.done is not None:
            return self.done
        return Outcome.COMPLETED if self.told else otherwise

    def matter_words(self, utterance: Utterance) -> None:
        """Words of the taxpayer."""
        if self.asked_whether_more and is_no(utterance.text):
            self.farewell()
            return
        self.asked_whether_more = False
        words = self._chosen(utterance.text)
        self.out.append(Ask(self.begin_turn(words), words))

    def _chosen(self, text: str) -> str:
        """A plain yes or no to a question whose choices are a yes and a no stands for that choice's words."""
        match self.choices[:2]:
            case (yes, no) if _A_YES.match(yes.title) and _A_NO.match(no.title):
                if is_yes(text) or is_no(text):
                    return yes.says if is_yes(text) else no.says
        return text

    def matter_replied(self, reply: Reply) -> None:
        """The dialogue's answer: say it, then listen, or end."""
        self.understood()
        texts = [text for text in reply.texts if text.strip()]
        name, asks = self._asked(reply)
        for text in texts:
            self.floor.say(text, slow=self.slow, asks=asks)
        self.choices = reply.choices
        self.done = _DONE.get(reply.action, self.done)
        if reply.action in _ENDS and not reply.choices:
            self.close(_ENDS[reply.action], "goodbye", note=reply.action)
        elif reply.action == "action_distress":
            self.despaired = True
            self.join_line(
                "distress",
                self.heard,
                first="line_distress",
                nobody=lambda: self.close(Outcome.HUMAN, note="distress"),
            )
        elif reply.action in _HUMAN:
            self.join_line("asked", self.heard, nobody=self._book_human)
        elif reply.queued and not reply.asks and not self.nobody_there:
            self.join_line("asked", self.heard, nobody=lambda: self._bot_goes_on(name, texts, reply))
        elif reply.intent in _FAREWELL and not reply.asks:
            self.farewell()
        else:
            self._listen(name, texts, reply)

    def _asked(self, reply: Reply) -> tuple[str, str]:
        """The name of the question that a reply puts, and how its words carry it."""
        before = self.question.name if self.question is not None else ""
        if before and reply.action == _NOT_UNDERSTOOD:
            return before, before + AGAIN
        if reply.asks is None:
            name = f"open_{self.turn}"
            return name, name
        return reply.asks, reply.asks + (AGAIN if reply.asks == before else "")

    def _listen(self, name: str, texts: list[str], reply: Reply) -> None:
        expectation = _expected(reply.asks, reply.choices)
        last = texts[-1] if texts else ""
        asks_back = _ASKS_BACK.search(last) is not None
        named = tuple(
            choice
            for choice in reply.choices[:_SPOKEN_CHOICES]
            if choice.title not in last and (asks_back or choice.title not in self.offered)
        )
        if named and reply.asks not in _YES_NO_SLOTS and (asks_back or reply.asks is None):
            self.floor.say(_offer(named), slow=self.slow)
            self.offered |= {choice.title for choice in named}
        self.question = Question(name, last, expectation, self._keys(reply))
        self.await_answer(self.question)
        self.floor.then(self._heard_out)

    def _heard_out(self) -> None:
        self.told = True
        self.wait_in_silence()

    def _keys(self, reply: Reply) -> str:
        if reply.asks in _YES_NO_SLOTS:
            return self.words.say("keys_yes_no")
        if reply.asks in _AMOUNT_SLOTS:
            return self.words.say("keys_amount")
        if reply.choices:
            named = "，".join(
                f"{choice.title}请按{place}"
                for place, choice in enumerate(reply.choices[:_SPOKEN_CHOICES], 1)
            )
            return f"{named}。"
        return self.words.say("keys_human")

    def matter_key(self, digit: str) -> None:
        """Keys: yes and no, a choice, or an amount that ends with ``#``."""
        expected = self.question.expectation.kind if self.question else Expected.OPEN
        if expected is Expected.YES_NO and digit in "12":
            self._typed_words("是的" if digit == "1" else "不是")
        elif expected is Expected.AMOUNT:
            if digit != "#":
                self.stop("silence")
                self.typed += digit
            elif self.typed:
                self._typed_words(f"{self.typed}元")
        elif digit.isdigit() and 1 <= int(digit) <= min(len(self.choices), _SPOKEN_CHOICES):
            self._typed_words(self.choices[int(digit) - 1].says)

    def _typed_words(self, words: str) -> None:
        self.typed = ""
        self.floor.hush()
        self.out.append(Ask(self.begin_turn(words), words))

    def matter_silence(self) -> None:
        """Inside a form the question comes again; else whether there is anything more, then goodbye."""
        if self.question is not None and self.question.expectation.kind is not Expected.OPEN:
            self.silence()
        elif self.silent_steps == 0:
            self.silent_steps = 1
            self.asked_whether_more = True
            self.ask(Question("more", self.words.say("anything_else"), OPEN, self.words.say("keys_human")))
        else:
            self.farewell()

    def farewell(self) -> None:
        """What happens next, how to check that we are real, goodbye."""
        self.close(self.outcome_so_far(Outcome.COMPLETED), "closing")

    def _book_human(self) -> None:
        self.done = Outcome.HUMAN
        self.book(self._human_booked, self._human_not_booked)

    def _bot_goes_on(self, name: str, texts: list[str], reply: Reply) -> None:
        self.nobody_there = True
        self._listen(name, texts, reply)

    def give_up(self, reason: str) -> None:
        """Misunderstood too often: who has proven who they are may wait for a human right away."""
        if self.phase is not Phase.MATTER:
            super().give_up(reason)
            return
        self.join_line(
            reason,
            self.heard,
            first="line_unheard",
            nobody=lambda: self.calls_back(reason),
        )

    def _human_booked(self, when: str) -> None:
        self.say("human_calls_back", time=when)
        self.close(Outcome.HUMAN, "goodbye", note="human")

    def _human_not_booked(self, why: str) -> None:
        self.close(Outcome.HUMAN, "goodbye", note="human")

    def reopened(self, utterance: Utterance) -> None:
        """They have thought of something while we were saying goodbye."""
        self.phase = Phase.MATTER
        self.stop("end")
        self.floor.hush()
        self.matter_words(utterance)


def _expected(asks: str | None, choices: tuple[Choice, ...]) -> Expectation:
    phrases = tuple(choice.says for choice in choices)
    if asks in _YES_NO_SLOTS:
        return Expectation(Expected.YES_NO, (*YES_NO.phrases, "确认", *phrases))
    if asks in _AMOUNT_SLOTS:
        return Expectation(Expected.AMOUNT, phrases)
    if asks in _DATE_SLOTS:
        return Expectation(Expected.DATE, phrases)
    return Expectation(Expected.OPEN, phrases)


def _offer(choices: tuple[Choice, ...]) -> str:
    named = [f"“{choice.title}”" for choice in choices]
    if len(named) == 1:
        return f"您可以说{named[0]}。"
    return f"您可以说{'，'.join(named[:-1])}，或者{named[-1]}。"
