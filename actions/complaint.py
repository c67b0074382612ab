"""A complaint: no defence, no verification, straight to the record and to the front of the queue."""

from __future__ import annotations

from collections.abc import Mapping

from actions.cases import MAX_STATEMENT, emptied, open_case, statement_into
from actions.core import Button, Capability, Context, Reply
from actions.forms import JourneyForm, Step, begin
from actions.handoff import open_ticket, queue_words
from handoff.reasons import Reason
from store.models import CaseKind

COMPLAINT_FORM, COMPLAINT_SLOTS = "complaint_form", ("complaint_statement",)


class StartComplaint(Capability):
    """A complaint: no defence, no verification, straight to the record."""

    action_name = "action_complaint_start"

    async def handle(self, ctx: Context) -> Reply:
        """Ask what happened, or take it if it has been said."""
        text = ctx.turn.text.strip()
        if ctx.turn.active_loop == COMPLAINT_FORM:
            return Reply()
        preset = {"complaint_statement": text[:MAX_STATEMENT]} if len(text) >= 15 else {}
        return Reply.say(
            "对不起，让您不愉快了。您的投诉我如实登记，由专人处理。",
            events=begin(
                COMPLAINT_FORM,
                ctx.turn,
                COMPLAINT_SLOTS,
                preset,
                ("action_complaint_submit", COMPLAINT_SLOTS),
            ),
        )


class ComplaintForm(JourneyForm):
    """``validate_complaint_form``: what happened, in their own words."""

    action_name = "validate_complaint_form"
    form = COMPLAINT_FORM
    own_intents = frozenset({"complain", "dispute_amount", "suspect_fraud", "inform", "wrong_person"})

    @property
    def steps(self) -> Mapping[str, Step]:
        """Steps by slot."""
        return {
            "complaint_statement": Step(
                statement_into("complaint_statement"),
                "请说说是什么事，什么时候，说多少都行。",
                free_text=True,
            )
        }


class SubmitComplaint(Capability):
    """Writes the complaint and puts it first in the queue."""

    action_name = "action_complaint_submit"

    async def handle(self, ctx: Context) -> Reply:
        """One case, one ticket of the highest urgency."""
        statement = ctx.turn.slot("complaint_statement")
        cleared = emptied(COMPLAINT_SLOTS)
        if statement is None:
            return Reply(events=tuple(cleared))
        ticket = await open_ticket(ctx, Reason.COMPLAINT, str(statement))
        number = await open_case(ctx, CaseKind.COMPLAINT, str(statement), who=await ctx.who())
        return Reply.say(
            f"投诉登记好了，{ctx.number('单号', number)}会优先处理。{queue_words(ticket, ctx)}",
            buttons=[
                Button("让人工给我回电", "约个时间给我回个电话"),
                Button("别再联系我", "以后不要再联系我了"),
            ],
            events=cleared,
        )
