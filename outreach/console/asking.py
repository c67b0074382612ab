"""Questions before something is done that concerns many people."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from handoff.console.asking import answer, question
from handoff.thread import for_the_record


async def ask_sure(
    title: str, words: str, yes: str, *, danger: bool = False, more: Callable[[], None] = lambda: None
) -> bool:
    """Whether they are sure; ``more`` adds to the dialog."""
    with question(title, "w-[36rem]") as dialog:
        ui.label(words)
        more()
        with ui.row().classes("w-full justify-end"):
            ui.button("取消", on_click=lambda: dialog.submit(False)).props("flat no-caps autofocus")
            ui.button(yes, on_click=lambda: dialog.submit(True)).props(
                f"unelevated no-caps color={'red-9' if danger else 'primary'} data-mark=sure"
            )
    return await answer(dialog) is True


async def ask_reason(title: str, words: str, label: str, yes: str, *, danger: bool = False) -> str | None:
    """The reason, fit for the record; ``None`` when it is not to be done."""
    with question(title) as dialog:
        ui.label(words)
        why = ui.input(label).props("outlined autofocus maxlength=200 data-mark=reason").classes("w-full")

        def submit() -> None:
            try:
                said = for_the_record(why.value or "")
            except ValueError as error:
                why.props(f'error error-message="{error}"')
                return
            if said:
                dialog.submit(said)

        why.on("keydown.enter", submit)
        with ui.row().classes("w-full justify-end"):
            ui.button("取消", on_click=lambda: dialog.submit(None)).props("flat no-caps")
            ui.button(yes, on_click=submit).props(
                f"unelevated no-caps color={'red-9' if danger else 'primary'} data-mark=do-reason"
            ).bind_enabled_from(why, "value", lambda value: bool((value or "").strip()))
    found = await answer(dialog)
    return found if isinstance(found, str) else None
