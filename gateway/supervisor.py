"""Keeps child processes running: restarts a crashed or hung one with growing pauses, gives up on a hopeless one.

Knows nothing of what the children are; :mod:`gateway.serving` says that.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gateway.processes import die_with_parent, fetch, rotate, shorten, signal_group, tail

STOP_PATIENCE_S = 10.0
_WATCH_INTERVAL_S = 5.0

Report = Callable[[str], None]


class GaveUpError(RuntimeError):
    """A child crashed too often; the text (Chinese) names it and ends with the tail of its log."""


class RestartPolicy:
    """How long to wait before the next start, and when to stop trying.

    Args:
        first_s: pause after the first crash; doubles with each further one.
        longest_s: the longest pause.
        stable_s: a run of this length makes the next crash count as a first one again.
        crashes: give up at this many crashes …
        window_s: … within this time.
    """

    def __init__(
        self,
        *,
        first_s: float = 0.5,
        longest_s: float = 10.0,
        stable_s: float = 60.0,
        crashes: int = 8,
        window_s: float = 120.0,
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._stable_s = stable_s
        self._crashes = crashes
        self._window_s = window_s
        self._recent: deque[float] = deque()
        self._row = 0

    def crashed(self, now: float, ran_s: float) -> float | None:
        """Record a crash at ``now`` (seconds on any steady clock); the pause before the next start, ``None`` to give up."""
        self._recent.append(now)
        while self._recent[0] < now - self._window_s:
            self._recent.popleft()
        if len(self._recent) >= self._crashes:
            return None
        self._row = 0 if ran_s >= self._stable_s else self._row
        pause = min(self._first_s * 2.0**self._row, self._longest_s)
        self._row += 1
        return pause


@dataclass(frozen=True)
class ChildSpec:
    """One process to keep running.

    Attributes:
        title: what people call it (Chinese).
        log: where its output goes, appended; rotated when the supervisor starts it for the first time.
        health_url: local page that answers below 500 while it works; ``None`` when it has none.
        hung_s: once it has answered, silence of this length counts as a crash.
    """

    name: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: Path
    log: Path
    health_url: str | None = None
    hung_s: float = 60.0


@dataclass
class Child:
    """A :class:`ChildSpec` at work."""

    spec: ChildSpec
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    starts: int = 0
    _process: asyncio.subprocess.Process | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int | None:
        """Number of the running process."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def keep_running(self, report: Report, changed: Callable[[], None]) -> None:
        """Run until :meth:`stop`; ``changed`` is called after every start.

        Raises:
            GaveUpError: it crashed too often.
        """
        self.spec.log.parent.mkdir(parents=True, exist_ok=True)
        rotate(self.spec.log)
        while not self._stopping.is_set():
            began = time.monotonic()
            reason = await self._run_once(changed)
            if self._stopping.is_set():
                return
            now = time.monotonic()
            pause = self.policy.crashed(now, now - began)
            end = tail(self.spec.log)
            if pause is None:
                raise GaveUpError(
                    f"{self.spec.title}反复退出（{reason}），不再重启。日志 {self.spec.log} 的末尾：\n{end}"
                )
            report(f"{self.spec.title}意外退出（{reason}），{pause:g} 秒后重启。日志末尾：\n{end}")
            await _wait(self._stopping, pause)

    async def _run_once(self, changed: Callable[[], None]) -> str:
        """One life of the process; returns how it ended."""
        spec = self.spec
        try:
            with spec.log.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *spec.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=asyncio.subprocess.STDOUT,
                    env=dict(spec.environment),
                    cwd=spec.cwd,
                    start_new_session=True,
                    preexec_fn=die_with_parent(),
                )
        except OSError as error:
            return f"无法启动：{error}"
        self._process = process
        self.starts += 1
        changed()
        watch = asyncio.create_task(self._kill_when_hung(process.pid))
        try:
            code = await process.wait()
        finally:
            watch.cancel()
            # Whatever it started goes with it: the next life needs the port.
            signal_group(process.pid, signal.SIGKILL)
        hung = watch.done() and not watch.cancelled() and watch.exception() is None
        return "长时间没有响应" if hung else _describe(code)

    async def _kill_when_hung(self, pid: int) -> None:
        last_answer: float | None = None
        while True:
            await asyncio.sleep(min(_WATCH_INTERVAL_S, self.spec.hung_s / 4))
            with suppress(OSError):
                await asyncio.to_thread(shorten, self.spec.log)
            if self.spec.health_url is None:
                continue
            status, _ = await asyncio.to_thread(fetch, self.spec.health_url, _WATCH_INTERVAL_S)
            now = time.monotonic()
            if 0 < status < 500:
                last_answer = now
            elif last_answer is not None and now - last_answer > self.spec.hung_s:
                signal_group(pid, signal.SIGKILL)
                return

    async def stop(self, patience_s: float = STOP_PATIENCE_S) -> None:
        """Ask it to end, then make it: SIGTERM, ``patience_s``, SIGKILL, to its whole group."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        signal_group(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(patience_s):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            signal_group(process.pid, signal.SIGKILL)
        await process.wait()


class Supervisor:
    """A set of children and other lasting duties that live and end together."""

    def __init__(self, report: Report, changed: Callable[[], None] = lambda: None) -> None:
        self._report = report
        self._changed = changed
        self.children: dict[str, Child] = {}
        self._duties: set[asyncio.Task[None]] = set()

    def start(self, spec: ChildSpec, policy: RestartPolicy | None = None) -> Child:
        """Start a child and keep it running from now on."""
        child = Child(spec, policy or RestartPolicy())
        self.children[spec.name] = child
        self._duties.add(asyncio.create_task(child.keep_running(self._report, self._changed), name=spec.name))
        return child

    def also(self, duty: asyncio.Task[None]) -> None:
        """Let another lasting task live and end with the children."""
        self._duties.add(duty)

    async def failed(self) -> None:
        """Wait until a duty ends; lasts for ever while all is well.

        Raises:
            GaveUpError: a child crashed too often. Any error of another duty comes out as it is.
        """
        while True:
            if not self._duties:
                await asyncio.sleep(0.1)
                continue
            done, _ = await asyncio.wait(self._duties, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
            for duty in done:
                duty.result()
                self._duties.discard(duty)

    async def stop(self, patience_s: float = STOP_PATIENCE_S) -> None:
        """End every child, all at once, and every other duty."""
        await asyncio.gather(*(child.stop(patience_s) for child in self.children.values()))
        for duty in self._duties:
            duty.cancel()
        await asyncio.gather(*self._duties, return_exceptions=True)


def _describe(code: int) -> str:
    if code >= 0:
        return f"退出码 {code}"
    try:
        return f"被信号 {signal.Signals(-code).name} 终止"
    except ValueError:
        return f"被信号 {-code} 终止"


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
