"""The recogniser of one pack: an ear, and what is made of what it hears. See ``dialects.heard`` for the protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dialects.acoustic import Models
from dialects.ear import Ear, Engine, vosk_engine
from dialects.finishing import Expectation, finish, repairer_for
from dialects.heard import Heard
from dialects.pack import Pack

EarMaker = Callable[[str], Ear]
"""Makes a fresh ear for the model of that name; raises ``ModelError``."""


def ear_maker(models: Models, engine: Callable[[Any], Engine] = vosk_engine) -> EarMaker:
    """Ears on shared ``models``, one decoder each."""
    return lambda name: Ear(engine(models.get(name)))


class PackRecogniser:
    """Hears one call with one pack; not to be used by two threads at once."""

    def __init__(self, pack: Pack, models: Models, make_ear: EarMaker | None = None) -> None:
        """Make it before the call is answered: a model that is not loaded yet is loaded now.

        Raises:
            ModelError: neither the pack's model nor Mandarin's can be used.
        """
        self._pack = pack
        self._ear = (make_ear or ear_maker(models))(models.name_for(pack))
        self._repairer = repairer_for(pack)
        self._expected = Expectation()

    @property
    def pack(self) -> str:
        """The name of its pack."""
        return self._pack.name

    def accept(self, pcm: bytes) -> None:
        """Take in more of the present utterance: 16 kHz mono, signed 16 bit, little endian."""
        self._ear.accept(pcm)

    def partial(self) -> str:
        """What has been recognised so far, without spaces."""
        return self._ear.partial()

    def finish(self) -> Heard:
        """End the utterance, and be ready for the next one."""
        return finish(self._ear.finish(), self._pack, self._expected, self._repairer)

    def expect(self, kind: str, phrases: Sequence[str] = (), digits: int | None = None) -> None:
        """What is likely to come; holds until the next call of this."""
        self._expected = Expectation(kind, tuple(phrases), digits)
