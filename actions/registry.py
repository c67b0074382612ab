"""All actions, built with their services and registered with the executor that answers Rasa's calls."""

from __future__ import annotations

from dataclasses import replace

from rasa_sdk.executor import ActionExecutor

from actions.answer import Answer
from actions.balance import Balance, DueDate
from actions.callback import CallbackForm, StartCallback, SubmitCallback
from actions.complaint import ComplaintForm, StartComplaint, SubmitComplaint
from actions.core import Capability, Services
from actions.deferral import (
    CashDifficulty,
    DeferralEligibility,
    DeferralStatus,
    StartDeferral,
    WithdrawDeferral,
    WithdrawForm,
    WithdrawSubmit,
)
from actions.deferral_form import AskBill, AskConfirmed, AskMaterials, DeferralForm, SubmitDeferral
from actions.dispute import DisputeForm, StartDispute, SubmitDispute
from actions.late_fee import LateFeeAmount
from actions.misunderstood import DefaultFallback, Misunderstood
from actions.paid import AlreadyPaid, PaidForm, SubmitPaid
from actions.promise import AskPromiseConfirmed, PromiseForm, StartPromise, SubmitPromise
from actions.reminder import Reminder
from actions.talk import (
    Busy,
    Cancel,
    Correct,
    Courtesy,
    Distress,
    Greet,
    Human,
    OptOut,
    Repeat,
    StrayAnswer,
    SuspectFraud,
    WrongPerson,
)
from actions.upset import soothe
from actions.verification import AfterVerification, VerifyForm, VerifySelf

CAPABILITIES: tuple[type[Capability], ...] = (
    AfterVerification, AlreadyPaid, Answer, AskBill, AskConfirmed, AskMaterials, AskPromiseConfirmed, Balance, Busy,
    CallbackForm, Cancel, CashDifficulty, ComplaintForm, Correct, Courtesy, DefaultFallback, DeferralEligibility,
    DeferralForm, DeferralStatus, DisputeForm, Distress, DueDate, Greet, Human, LateFeeAmount, Misunderstood,
    OptOut, PaidForm, PromiseForm, Reminder, Repeat, StartCallback, StartComplaint, StartDeferral, StartDispute,
    StartPromise, SubmitCallback, SubmitComplaint, SubmitDeferral, SubmitDispute, SubmitPaid, SubmitPromise,
    SuspectFraud, StrayAnswer, VerifyForm, VerifySelf, WithdrawDeferral, WithdrawForm, WithdrawSubmit, WrongPerson,
)  # fmt: skip


def build_executor(services: Services) -> ActionExecutor:
    """An executor knowing every action; nothing is registered globally."""
    executor = ActionExecutor()
    attentive = replace(services, soothe=soothe)
    for capability in CAPABILITIES:
        executor.register_action(capability(attentive))
    return executor
