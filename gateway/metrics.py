"""What operators watch, in Prometheus' format; no personal data in any label."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 8, 20, 60)


class Metrics:
    """One registry per gateway, so that tests can build several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._turns = Histogram(
            "shuiling_turn_seconds",
            "From a stored message to its stored answer",
            ["outcome"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._replaced = Counter(
            "shuiling_answers_replaced_total",
            "Answers the outgoing guard replaced",
            ["reason"],
            registry=self.registry,
        )
        self._refused = Counter(
            "shuiling_messages_refused_total",
            "Incoming messages not taken",
            ["code"],
            registry=self.registry,
        )
        self._actions = Histogram(
            "shuiling_action_seconds",
            "Run time of custom actions",
            ["action"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._failed_actions = Counter(
            "shuiling_actions_failed_total",
            "Custom actions that failed",
            ["action"],
            registry=self.registry,
        )
        self._stalls = Histogram(
            "shuiling_loop_stall_seconds",
            "By how much the event loop came late",
            buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
            registry=self.registry,
        )
        self._longest = Gauge(
            "shuiling_loop_stall_longest_seconds",
            "The longest the event loop has been kept from turning",
            registry=self.registry,
        )
        self._longest_s = 0.0
        self._stages = Histogram(
            "shuiling_call_stage_seconds",
            "What the reply to a caller waits for, by stage",
            ["stage"],
            buckets=(0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 0.8, 1.2, 2, 4),
            registry=self.registry,
        )

    def turn(self, seconds: float, outcome: str) -> None:
        """One answered turn."""
        self._turns.labels(outcome).observe(seconds)

    def replaced(self, reason: str) -> None:
        """One replaced answer; ``reason`` is ``phrase``, ``amount`` or ``fact``."""
        self._replaced.labels(reason).inc()

    def refused(self, code: str) -> None:
        """One refused message."""
        self._refused.labels(code).inc()

    def action(self, name: str, seconds: float) -> None:
        """One custom action."""
        self._actions.labels(name).observe(seconds)

    def action_failed(self, name: str) -> None:
        """One custom action that raised, took too long or is not known."""
        self._failed_actions.labels(name).inc()

    def stalled(self, seconds: float) -> None:
        """The event loop came late by so much."""
        self._stalls.observe(seconds)
        if seconds > self._longest_s:
            self._longest_s = seconds
            self._longest.set(seconds)

    def call_stage(self, stage: str, seconds: float) -> None:
        """One stage of a reply on the telephone; ``stage`` is a ``telephony.call.ports.Stage``."""
        self._stages.labels(stage).observe(seconds)

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)
