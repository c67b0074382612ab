"""The proof: four digits, spoken or keyed, read back, three tries."""

from __future__ import annotations

import re

from telephony.call.base import YES_NO, Phase, Purpose, Question
from telephony.call.commands import CheckDigits, OpenMatter, Understand
from telephony.call.inputs import Checked, Reading, Verdict
from telephony.call.opening import Opening
from telephony.call.plain import digits_in, is_no, is_yes, may_be_yes
from telephony.events import Expectation, Expected, Outcome, Utterance
from telephony.voice.figures import one_by_one

NEEDED = 4
_WHOLE = range(15, 19)
"""Digits of a whole number: its end is what was asked for."""
_IN_ONE_BREATH = 12
"""Who says so many at once reads the whole number out, whether every one was heard or not."""
_GROUP = 6
"""Who reads more than four digits, and no fewer than these, is reading the whole number, group by group."""
_FORGOT = re.compile(r"不知道|不记得|记不(得|住|清)|忘(了|记)|没带|唔记得|搞不清|不晓得")
_LOOKING = re.compile(
    r"等(?:我|一)?(?:一?下|一?会|等)|稍等|等等|我(?:去|先|来)?(?:找|翻|拿|取|查|看)(?:一?[下找看]|出来)|翻(?:一下|本子)|找(?:一下|找看)"
)
_RIGHT = re.compile(r"[嗯哦啊，,]*(?:对|没错)(?!.*(?:不|错了|没有))")
"""A yes with words behind it, 对，这回对了: what is taken for right is compared with the register all the same."""
_AS_AGREED = "（约好的回电）"
"""What whoever takes the call reads instead of words of the caller."""
DIGITS = Expectation(Expected.DIGITS, (), NEEDED)


class Proving(Opening):
    """Asks for the digits and has them checked."""

    said_digits = ""
    answered_by_key = ""
    """The key that answered the question before, if others followed at once: the first of four digits, where three came."""

    def prove(self) -> None:
        """Ask for the digits."""
        self.understood()
        self.phase = Phase.PROVE
        self.said_digits = ""
        keys, again = self.words.say("keys_digits"), self.words.say("verify_again")
        self.ask(Question("digits", self.words.say("verify_ask"), DIGITS, keys, again))

    def prove_words(self, utterance: Utterance) -> None:
        """Words in answer to that."""
        self.stop("digits")
        self.answered_by_key = ""
        digits = digits_in(utterance.text)
        if len(digits) == NEEDED and 0 < len(self.said_digits) < NEEDED:
            self._read_back(digits)
        elif len(digits) >= _IN_ONE_BREATH or len(digits) == NEEDED + 1:
            # Of five, the first is mostly a word before them: 是 sounds like 四.
            self._read_back(digits[-NEEDED:])
        elif len(digits) >= 2 or (digits and self.said_digits):
            self._more_digits(digits)
        elif _FORGOT.search(utterance.text):
            self.close(Outcome.NOT_VERIFIED, "verify_failed", note="no_digits")
        elif _LOOKING.search(utterance.text):
            self.understood()
            self.say("take_your_time")
            self.floor.then(lambda: self.alarm("silence", self.pace.looking))
        else:
            self.out.append(Understand(self.begin_turn(utterance.text), utterance.text))

    def _more_digits(self, digits: str) -> None:
        self.said_digits += digits
        count = len(self.said_digits)
        if count in (NEEDED, _WHOLE[-1]):
            self._read_back(self.said_digits[-NEEDED:])
        elif count < NEEDED:
            self.alarm("digits", self.pace.between_digits)
        elif _GROUP <= count < _WHOLE[-1]:
            self.alarm("digits", self.pace.between_groups)
        else:
            self.said_digits = ""
            self.unheard()

    def digits_missing(self) -> None:
        """No more digits came."""
        first, self.answered_by_key = self.answered_by_key, ""
        if first and len(self.said_digits) == NEEDED - 1:
            self._check(first + self.said_digits)
            return
        if len(self.said_digits) in _WHOLE:
            self._read_back(self.said_digits[-NEEDED:])
            return
        self.said_digits = ""
        self.unheard()

    def prove_read(self, text: str, reading: Reading) -> None:
        """The reading of words without digits."""
        if reading.intent == "wrong_person":
            self.not_them(text)
        elif reading.intent in ("affirm", "verify_self"):
            self.understood()
            self.ask_again()
        elif not self.aside(text, reading):
            self.unheard()

    def prove_key(self, digit: str) -> None:
        """A key; four of them are the answer and need no reading back, ``#`` begins anew."""
        if digit == "#":
            self.said_digits = ""
            return
        self.stop("silence")
        self.said_digits += digit
        if len(self.said_digits) == NEEDED:
            self.stop("digits")
            self.answered_by_key = ""
            self._check(self.said_digits)
        else:
            self.alarm("digits", self.pace.between_digits)

    def key_answered(self, digit: str) -> None:
        """A question before this one was answered by key; whoever types faster than we ask keys the digits already."""
        self.answered_by_key = digit
        self.alarm("key", self.pace.between_keys)

    def key_forgotten(self) -> None:
        """Unless another key came right behind it."""
        if not self.said_digits:
            self.answered_by_key = ""

    def _read_back(self, digits: str) -> None:
        self.understood()
        self.said_digits = digits
        self.phase = Phase.READ_BACK
        text = self.words.say("verify_readback", digits="，".join(one_by_one(digits)))
        self.ask(Question("read_back", text, YES_NO, self.words.say("keys_yes_no")))

    def read_back_words(self, utterance: Utterance) -> None:
        """Yes, no, or other digits."""
        digits = digits_in(utterance.text)
        if (len(digits) == NEEDED and digits != self.said_digits) or len(digits) >= _IN_ONE_BREATH:
            self._read_back(digits[-NEEDED:])
        elif len(digits) >= _GROUP:
            # The four were only the first group of a whole number.
            self.phase = Phase.PROVE
            self.await_answer(self._again())
            self._more_digits(digits)
        elif is_yes(utterance.text) or digits == self.said_digits or _RIGHT.match(utterance.text):
            self._check(self.said_digits)
        elif is_no(utterance.text):
            self.read_back_no()
        elif may_be_yes(utterance.text):
            self._check(self.said_digits)
        else:
            self.out.append(Understand(self.begin_turn(utterance.text), utterance.text))

    def read_back_read(self, text: str, reading: Reading) -> None:
        """The reading of another answer."""
        if reading.intent in ("affirm", "verify_self"):
            self._check(self.said_digits)
        elif reading.intent in ("deny", "correct_answer"):
            self.read_back_no()
        elif not self.aside(text, reading):
            self.unheard()

    def read_back_key(self, digit: str) -> None:
        """A key that is neither yes nor no: the digits, keyed this time."""
        self.phase = Phase.PROVE
        self.said_digits = ""
        self.await_answer(self._again())
        self.prove_key(digit)

    def read_back_yes(self) -> None:
        """The digits are right as read back."""
        self._check(self.said_digits)

    def read_back_no(self) -> None:
        """Misheard: that is no try."""
        self.unheard_steps += 1
        if self.unheard_steps >= 3:
            self.say("keys_digits")
        self.prove_again()

    def prove_again(self) -> None:
        """Ask for the digits once more, the ladders going on."""
        self.phase = Phase.PROVE
        self.said_digits = ""
        self.ask(self._again(), again=True)

    def _again(self) -> Question:
        return Question("digits", self.words.say("verify_again"), DIGITS, self.words.say("keys_digits"))

    def _check(self, digits: str) -> None:
        self.floor.hush()
        self.out.append(CheckDigits(self.begin_turn(""), digits))

    def checked(self, checked: Checked) -> None:
        """What the digits proved."""
        if checked.verdict is Verdict.RIGHT:
            self.understood()
            self.phase = Phase.MATTER
            self.question = None
            self.say("verified")
            if self.callee.purpose is Purpose.CALLBACK:
                self._call_back()
            else:
                self.out.append(OpenMatter(self.begin_turn("")))
        elif checked.verdict is Verdict.WRONG:
            self.say("verify_wrong", left="一两三四五"[max(checked.left, 1) - 1])
            self.prove_again()
        else:
            self.close(Outcome.NOT_VERIFIED, "verify_failed", note="wrong_digits")

    def _call_back(self) -> None:
        """They asked for a human at this time: that is all the call is about."""
        self.say("callback_as_asked")
        self.told = True
        self.join_line("asked", _AS_AGREED, first="line_asked", nobody=self.ask_other_time)
