"""What may go wrong on the line, on demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

_SHARES = ("loss", "swap", "wrong_sequence", "garbage")


class FaultError(ValueError):
    """A fault that does not exist, or a value it cannot take; the text says what is possible, in Chinese."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Nothing goes wrong by default. Shares are 0 to 1, counted in frames of 20 ms.

    ``jitter_ms``: the caller's frames come up to that late, in order. ``loss``: never sent, their numbers used up.
    ``swap``: sent after the one that follows. ``wrong_sequence``: with a number that is nonsense. ``garbage``: followed
    by a message that makes no sense (no JSON, huge, binary, unknown). ``wrong_codec``: the start message announces
    16-bit samples. ``cut_at_s``: the socket is torn down without a goodbye. ``slow_ms``: the carrier reads one message
    in so many milliseconds. ``second_socket_at_s``: somebody opens another stream for the same call, with a replayed
    start message. ``callback_late_ms``, ``callback_twice``, ``callback_shuffled``: status callbacks. ``forged``:
    callbacks and the upgrade are signed with another token. ``rest_hang_s``: the call is placed, the answer comes so
    much later. ``rest_errors``: so many attempts to place a call or to send a text are answered 500 and come to nothing. ``undelivered``: texts do not
    arrive. What is said of callbacks and of REST holds for texts too.
    """

    jitter_ms: int = 0
    loss: float = 0.0
    swap: float = 0.0
    wrong_sequence: float = 0.0
    garbage: float = 0.0
    wrong_codec: bool = False
    cut_at_s: float | None = None
    slow_ms: int = 0
    second_socket_at_s: float | None = None
    callback_late_ms: int = 0
    callback_twice: bool = False
    callback_shuffled: bool = False
    forged: bool = False
    rest_hang_s: float = 0.0
    rest_errors: int = 0
    undelivered: bool = False

    def over(self, other: Faults) -> Faults:
        """``other`` with whatever is set here."""
        mine = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return replace(other, **mine)

    def names(self) -> tuple[str, ...]:
        """Which are set."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) != f.default)


NO_FAULTS = Faults()


def parse(data: Mapping[str, Any]) -> Faults:
    """From JSON, YAML or the command line, where values may be text.

    Raises:
        FaultError: an unknown name, or a value out of bounds.
    """
    known = {f.name: f.default for f in fields(Faults)}
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name not in known:
            raise FaultError(f"没有“{name}”这种故障；可用：{'、'.join(known)}")
        values[name] = _value(name, value, known[name])
    return Faults(**values)


def _value(name: str, value: Any, default: Any) -> bool | float | int:
    text = str(value).strip().lower()
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise FaultError(f"{name} 只能是 true 或 false")
        return text == "true"
    try:
        number = float(text)
    except ValueError:
        raise FaultError(f"{name} 要写成数字，不能是“{value}”") from None
    highest = 1.0 if name in _SHARES else 3_600_000.0
    if not 0 <= number <= highest:
        raise FaultError(f"{name} 要在 0 到 {highest:g} 之间")
    return int(number) if isinstance(default, int) else number
