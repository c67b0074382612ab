"""Forms: one question at a time, each answer read by its own reader, nothing else swallowed.

The questions and their order are in ``domain.yml``. A reader returns what it understood; what is no answer but
another question or wish is rejected, so that the rules answer it and lead back here. Misses escalate: explain the
question, then offer a way out, then a human.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rasa_sdk.events import ActionExecutionRejected, ActiveLoop, FollowupAction, SlotSet

from actions.core import Bubble, Button, Capability, Context, Event, Reply, Turn
from actions.handoff import hand_off
from handoff.reasons import Reason

FORM_MISSES = "form_misses"
REQUESTED = "requested_slot"
# Rasa takes a form that sets no slot but the requested one for rejected, so another is set along with it.
STOPPED: tuple[Event, ...] = (SlotSet(FORM_MISSES, 0), SlotSet(REQUESTED, None))
"""Events of a validation action that end its form early."""

LEAVES = frozenset({"cancel", "request_human", "opt_out", "wrong_person", "distress"})
"""Wishes that always win over reading the words as an answer."""

SURE = 0.6
"""Confidence below which a wish to leave yields to words that answer the question."""

QUESTIONS = frozenset(
    {
        "ask_identity_of_bureau", "suspect_fraud", "ask_balance", "ask_due_date", "ask_late_fee_amount",
        "ask_late_fee_rule", "ask_how_to_pay", "ask_deferral_eligibility", "ask_deferral_materials",
        "ask_deferral_status", "ask_penalty", "ask_credit_impact", "ask_enforcement", "ask_appeal",
        "ask_policy_other", "repeat", "complain", "dispute_amount", "request_callback", "busy_now",
        "claim_already_paid", "promise_to_pay", "apply_deferral", "withdraw_deferral", "verify_self",
        "cash_difficulty", "goodbye",
    }
)  # fmt: skip
"""Things one may ask or want in the middle of a form, unless the form says they answer it."""

ABOUT_THE_TALK = frozenset({"repeat"})
"""Wishes about how we talk: they are no answer even where a form takes any words."""

_TURNS_AWAY = frozenset({"suspect_fraud", "goodbye"})
_GIVES_UP = re.compile(r"(那就?|还是|我看)*(算了|不弄了|不办了)")
"""Who drops it for doubt or to leave is not pressed to go on."""

_TAKES_BACK = re.compile(
    r"^(哎|啊|等等|等下|那个)*[，、\s]*(不对|不是|唔系|勿是|毋是|错了|(说|讲|填|写|打|记|搞)错)"
)
NOTHING_MORE = re.compile(
    r"([那就好行嗯哦都也先]+了?\W*)?"
    r"(没有?|莫得|冇|不|勿|弗|甭|唔|毋)(用|要|需要|必|使|消)?(再|帮我|给我)*(别的|其他的?|什么|啥)?"
    r"(事|问题(?=了)|查|登记|核查|办|弄|说|麻烦[你您]?)?[了啦喇咯]?[吧啊呀]?"
    r"\W*((谢谢|多谢|谢了|唔该|再见|拜拜)[你您侬啊了]*\W*)*"
)
"""A whole message that declines to tell anything, with thanks or a goodbye: 没有了，谢谢; 不用了; 唔使喇. 没问题 consents."""
_LONGEST_NO = 5
"""Characters of a no that declines to tell anything (不用了); a longer one may be the story itself."""
_QUESTION_MARKS = re.compile(r"[?？]|吗|呢$|什么|怎么|咋|啥|多少|为何|为什么|能不能|可不可以|几时|哪")


@dataclass(frozen=True, slots=True)
class Filled:
    """The answer was understood: slots to set, and words to say before the next question."""

    slots: Mapping[str, Any]
    bubbles: tuple[Bubble, ...] = ()


@dataclass(frozen=True, slots=True)
class Wrong:
    """It was an answer, but not one that can be taken; the question is asked again after these words."""

    text: str
    buttons: tuple[Button, ...] = ()
    slots: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stop:
    """The form ends here; the action that follows it finds it incomplete and does nothing."""

    bubbles: tuple[Bubble, ...]
    events: tuple[Event, ...] = ()


DECLINED = Stop((Bubble("好的，那先不登记。还有别的需要随时说。"),))

_VALUES = frozenset({"amount", "number", "date", "duration", "pay_channel", "time", "identity_ref"})
Reading = Filled | Wrong | Stop | None
Reader = Callable[[Context], Awaitable[Reading]]


@dataclass(frozen=True, slots=True)
class Step:
    """One question of a form: how its answer is read, and how it is explained when misunderstood."""

    read: Reader
    explain: str
    label: str = ""
    """What the taxpayer calls this answer when correcting it, as a regular expression."""
    free_text: bool = False
    """Any words are an answer, except wishes to leave."""
    plain: re.Pattern[str] | None = None
    """Words that are an answer whatever intent they were taken for."""
    declines: re.Pattern[str] | None = None
    """Whole messages that leave the form whatever intent they were taken for."""


def looks_like_question(text: str) -> bool:
    """Whether the words ask something."""
    return _QUESTION_MARKS.search(text) is not None


def bare(turn: Turn) -> bool:
    """Whether the message is little more than the values found in it."""
    rest = turn.text
    for entity in turn.entities:
        rest = rest.replace(entity.text, "", 1)
    return len(re.sub(r"\W|[大概差不多就是吧呢啊嘛的了元块钱]", "", rest)) <= 3


class JourneyForm(Capability):
    """``validate_<form>``: reads the answer to the requested slot."""

    form: ClassVar[str]
    own_intents: ClassVar[frozenset[str]] = frozenset()
    """Intents that, inside this form, are answers and not interruptions."""

    @property
    @abstractmethod
    def steps(self) -> Mapping[str, Step]:
        """Steps by slot, in the order of ``domain.yml``."""

    def next_event(self, turn: Turn, reply: Reply) -> list[Event]:
        """Rasa's form action decides what comes next."""
        return []

    async def handle(self, ctx: Context) -> Reply:
        """Read the answer, or reject it so that the rules take over."""
        turn = ctx.turn
        requested = turn.slot(REQUESTED)
        step = self.steps.get(requested) if requested else None
        if step is None or not turn.fresh:
            return Reply()
        if step.plain is not None and step.plain.search(turn.text):
            reading = await step.read(ctx)
            if isinstance(reading, Filled):
                return await self._apply(ctx, step, reading)
        if step.declines is not None and step.declines.fullmatch(turn.text.strip()):
            return await self._apply(ctx, step, DECLINED)
        if turn.intent in _TURNS_AWAY and not step.free_text and _GIVES_UP.match(turn.text):
            return await self._apply(ctx, step, Stop((Bubble("好的，那先不办了。还有别的需要随时说。"),)))
        if self._is_other_wish(turn, step):
            unsure = turn.intent in LEAVES and turn.confidence < SURE
            reading = await step.read(ctx) if unsure else None
            return await self._apply(ctx, step, reading) if isinstance(reading, Filled) else self._reject()
        if step.free_text and turn.intent == "deny" and len(turn.text) <= _LONGEST_NO:
            return await self._apply(ctx, step, DECLINED)
        if turn.intent == "correct_answer" and not step.free_text:
            return await self._correct(ctx, str(requested))
        reading = await step.read(ctx)
        if reading is None and (
            turn.intent in QUESTIONS - self.own_intents or looks_like_question(turn.text)
        ):
            return self._reject()
        return await self._apply(ctx, step, reading)

    def _is_other_wish(self, turn: Turn, step: Step) -> bool:
        if turn.intent in self.own_intents:
            return False
        if turn.intent in LEAVES:
            return not step.free_text or turn.confidence >= SURE
        if step.free_text:
            return turn.intent in ABOUT_THE_TALK and turn.confidence >= SURE
        return turn.intent in QUESTIONS and not bare(turn)

    def _reject(self) -> Reply:
        return Reply(events=(ActionExecutionRejected(self.form),))

    async def _apply(self, ctx: Context, step: Step, reading: Reading) -> Reply:
        if isinstance(reading, Filled):
            events = [SlotSet(name, value) for name, value in reading.slots.items()]
            return Reply(reading.bubbles, (*events, SlotSet(FORM_MISSES, 0)))
        if isinstance(reading, Wrong):
            events = [SlotSet(name, value) for name, value in reading.slots.items()]
            bubbles = (Bubble(reading.text, reading.buttons),)
            return Reply(bubbles, (*events, SlotSet(FORM_MISSES, 0)))
        if isinstance(reading, Stop):
            return Reply(reading.bubbles, (*reading.events, *STOPPED))
        return await self._miss(ctx, step)

    async def _miss(self, ctx: Context, step: Step) -> Reply:
        misses = int(ctx.turn.slot(FORM_MISSES) or 0) + 1
        if misses == 1:
            return Reply.say(f"这句我没太听明白。{step.explain}", events=[SlotSet(FORM_MISSES, misses)])
        if misses == 2:
            return Reply.say(
                f"对不起，我还是没听明白。{step.explain}您也可以先不办，或者让人工来帮您。",
                buttons=[Button("先不办了", "取消办理"), Button("转人工", "转人工")],
                events=[SlotSet(FORM_MISSES, misses)],
            )
        handed = await hand_off(ctx, Reason.NOT_UNDERSTOOD)
        return handed.then(*STOPPED)

    async def _correct(self, ctx: Context, requested: str) -> Reply:
        """Change an earlier answer: the one named, else the last one given."""
        turn = ctx.turn
        names = list(self.steps)
        filled = [n for n in names if ctx.turn.slot(n) is not None]
        named = [n for n in filled if self.steps[n].label and re.search(self.steps[n].label, ctx.turn.text)]
        if not named and filled and _takes_back(turn):
            last = filled[-1]
            reading = await self.steps[last].read(ctx)
            if isinstance(reading, Filled) and any(turn.slot(n) != v for n, v in reading.slots.items()):
                return Reply.say("好的，已经改过来了。") + await self._apply(ctx, self.steps[last], reading)
        if not filled:
            reading = await self.steps[requested].read(ctx)
            return await self._apply(ctx, self.steps[requested], reading)
        target = named[0] if named else None
        if target is None:
            here = await self.steps[requested].read(ctx)
            confirming = requested.endswith("_confirmed")
            if isinstance(here, Filled) and not confirming:
                return await self._apply(ctx, self.steps[requested], here)
            if confirming and not any(e.kind in _VALUES for e in turn.entities):
                asked = "要改哪一项，请直接说，比如“工资改成三万”。"
                return await self._apply(
                    ctx, self.steps[requested], here if isinstance(here, Wrong) else Wrong(asked)
                )
            for name in reversed(filled):
                reading = await self.steps[name].read(ctx)
                if isinstance(reading, Filled):
                    return await self._apply(ctx, self.steps[name], reading)
            target = filled[-1]
            return Reply.say(
                "好的，我们重填上一项。", events=[SlotSet(target, None), SlotSet(FORM_MISSES, 0)]
            )
        reading = await self.steps[target].read(ctx)
        if isinstance(reading, Filled):
            done = await self._apply(ctx, self.steps[target], reading)
            return Reply.say("好的，已经改过来了。") + done
        return Reply.say("好的，这一项重新填。", events=[SlotSet(target, None), SlotSet(FORM_MISSES, 0)])


def _takes_back(turn: Turn) -> bool:
    """Whether the words open by taking back what was said before them: 不对，是六万; 说错了，八千."""
    return not any(e.negated for e in turn.entities) and _TAKES_BACK.search(turn.text) is not None


def begin(
    form: str,
    turn: Turn,
    clear: tuple[str, ...],
    preset: Mapping[str, Any] | None = None,
    submit: tuple[str, tuple[str, ...]] | None = None,
) -> tuple[Event, ...]:
    """Events that start a form afresh, leaving any other one.

    ``submit`` names the action that follows the form and the slots it needs: if ``preset`` fills them all there is
    nothing to ask and that action runs at once.
    """
    given = dict(preset or {})
    complete = submit is not None and all(name in given for name in submit[1])
    events: list[Event] = []
    if turn.active_loop and (complete or turn.active_loop != form):
        events += [ActiveLoop(None), SlotSet(REQUESTED, None)]
    events += [SlotSet(name, None) for name in clear if name not in given]
    events += [SlotSet(FORM_MISSES, 0)]
    events += [SlotSet(name, value) for name, value in given.items()]
    events.append(FollowupAction(submit[0] if submit is not None and complete else form))
    return tuple(events)


def leave() -> tuple[Event, ...]:
    """Events that leave whatever form is active."""
    return (ActiveLoop(None), SlotSet(REQUESTED, None), SlotSet(FORM_MISSES, 0))
