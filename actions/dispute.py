"""A dispute about an amount: taken in the taxpayer's words, without argument, and handed to a human."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actions.cases import emptied, open_case, statement_into
from actions.core import Button, Capability, Context, Reply
from actions.forms import JourneyForm, Step, begin
from actions.gate import require_proof
from actions.handoff import open_ticket, queue_words
from actions.screening import claims_fault
from handoff.reasons import Reason
from store.debts import Debt, debts_of
from store.models import CaseKind

DISPUTE_FORM, DISPUTE_SLOTS = "dispute_form", ("dispute_statement",)


class StartDispute(Capability):
    """The amount or the debt itself is said to be wrong."""

    action_name = "action_dispute_start"

    async def handle(self, ctx: Context) -> Reply:
        """Ask what is wrong; no argument, no pressure."""
        who = await require_proof(ctx, self.action_name)
        if isinstance(who, Reply):
            return who
        return Reply.say(
            "金额有疑问就应该弄清楚，我帮您登记，由工作人员核对。",
            events=begin(DISPUTE_FORM, ctx.turn, DISPUTE_SLOTS),
        )


class DisputeForm(JourneyForm):
    """``validate_dispute_form``: what is wrong, in their own words."""

    action_name = "validate_dispute_form"
    form = DISPUTE_FORM
    own_intents = frozenset({"dispute_amount", "claim_already_paid", "inform", "complain", "cash_difficulty"})

    @property
    def steps(self) -> Mapping[str, Step]:
        """Steps by slot."""
        return {
            "dispute_statement": Step(
                statement_into("dispute_statement"), "请用自己的话说说哪里不对，说多少都行。", free_text=True
            )
        }


class SubmitDispute(Capability):
    """Writes the dispute and brings in a human."""

    action_name = "action_dispute_submit"

    async def handle(self, ctx: Context) -> Reply:
        """One case, one ticket."""
        statement = ctx.turn.slot("dispute_statement")
        cleared = emptied(DISPUTE_SLOTS)
        if statement is None:
            return Reply(events=tuple(cleared))
        who = await require_proof(ctx, self.action_name)
        if isinstance(who, Reply):
            return who
        debts = [d for d in await debts_of(ctx.session, who) if d.is_open()]
        debt = _meant(ctx, debts)
        fault = claims_fault(str(statement))
        ticket = await open_ticket(ctx, Reason.AUTHORITY_FAULT if fault else Reason.DISPUTE, str(statement))
        number = await open_case(
            ctx, CaseKind.DISPUTE, str(statement), who=who, bill_id=debt.bill_id if debt else None
        )
        return Reply.say(
            f"登记好了{ctx.number('，异议单号', number, end='')}。核实清楚之前，我不会再就这笔金额和您争论。{queue_words(ticket, ctx)}",
            buttons=[
                Button("让人工给我回电", "约个时间给我回个电话"),
                Button("复议怎么办", "对税款有争议怎么申请复议"),
            ],
            events=cleared,
        )


def _meant(ctx: Context, debts: Sequence[Debt]) -> Debt | None:
    if len(debts) == 1:
        return debts[0]
    tax = ctx.turn.first("tax_type")
    named = [d for d in debts if tax and d.tax_type == tax]
    return named[0] if len(named) == 1 else None
