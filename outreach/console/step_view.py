"""One step of a reminder with its latest decision, and its tries with what came of each."""

from __future__ import annotations

import uuid

from nicegui import ui

from handoff.console.asking import answer, question
from handoff.console.parts import parts
from handoff.console.visitor import Visitor, told
from handoff.permissions import Action
from outreach.console.words import (
    ATTEMPT_ZH,
    CHANNEL_ZH,
    LANE_ZH,
    SPEAKER_ZH,
    STATE_ZH,
    VERDICT_ZH,
    moment,
    outcome_words,
)
from outreach.plan import Channel
from outreach.reminder_file import AttemptLine, StepLine, transcript
from store.outreach_models import AttemptState, StepState


def show_step(who: Visitor, step: StepLine) -> None:
    """Draw it where the page is being built."""
    with ui.element("div").classes("sl-bill").props(f'data-mark="step-{step.key}"'):
        with ui.row().classes("items-center w-full gap-2"):
            ui.label(step.title).classes("font-bold")
            ui.label(LANE_ZH[step.lane]).classes("sl-tag")
            ui.label(STATE_ZH[step.state]).classes("sl-tag").props("data-mark=step-state")
            ui.label(_when(step)).classes("sl-keys ml-auto")
        if step.verdict or step.reasons:
            verdict = VERDICT_ZH.get(step.verdict, step.verdict)
            ui.label("：".join(filter(None, (verdict, "，".join(step.reasons))))).props(
                "data-mark=step-reasons"
            )
        for each in step.attempts:
            _attempt(who, each)


def _attempt(who: Visitor, attempt: AttemptLine) -> None:
    with ui.row().classes("items-center w-full gap-2 pl-3").props("data-mark=attempt"):
        channel = CHANNEL_ZH[Channel(attempt.channel)] if attempt.channel else "准备"
        ui.label(f"第{attempt.number}次 {channel} {attempt.phone_mask or ''}")
        state = (
            outcome_words(attempt.outcome)
            if attempt.state is AttemptState.ENDED
            else ATTEMPT_ZH[attempt.state]
        )
        ui.label(state).classes("sl-tag").props("data-mark=outcome")
        if attempt.note:
            ui.label(attempt.note).classes("sl-keys")
        ui.label(moment(attempt.ended_at or attempt.intent_at or attempt.created_at)).classes(
            "sl-keys ml-auto"
        )
        if attempt.call_id is not None:
            _listen(who, attempt.call_id, attempt.recording)


def _listen(who: Visitor, call_id: uuid.UUID, recording: bool) -> None:
    path_of = parts().recording if recording else None

    @told
    async def read() -> None:
        async with who.acting(Action.SEE_OUTREACH) as (session, staff):
            said = await transcript(session, staff, call_id)
        path = path_of(call_id) if path_of is not None else None
        with question("通话文字", "w-[40rem]") as dialog:
            with ui.element("div").classes("flex flex-col gap-1").props("data-mark=transcript"):
                if not said:
                    ui.label("没有文字。").classes("sl-keys")
                for line in said:
                    seconds = line.began_ms // 1000
                    ui.label(
                        f"{seconds // 60}:{seconds % 60:02d} {SPEAKER_ZH.get(line.speaker, line.speaker)}：{line.text}"
                    )
            if path is not None:
                # No player of the toolkit's: it would put the console's own path before this one.
                ui.element("audio").props(f'controls preload=none src="{path}" data-mark=recording').classes(
                    "w-full"
                )
            ui.button("关闭", on_click=dialog.close).props("flat no-caps autofocus")
        await answer(dialog)

    ui.button("通话文字和录音" if path_of is not None else "通话文字", on_click=read).props(
        "flat dense no-caps data-mark=read-call"
    )


def _when(step: StepLine) -> str:
    if step.ended_at is not None:
        return moment(step.ended_at)
    if step.state is StepState.PLANNED and step.next_at != step.due_at:
        return f"改在 {moment(step.next_at)}（原定 {moment(step.due_at)}）"
    return f"定在 {moment(step.due_at)}"
