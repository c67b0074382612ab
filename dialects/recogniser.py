"""The recogniser of one pack: an ear, and what is made of what it hears. See ``dialects.heard`` for the protocol."""

from __future__ import annotations

from collections.abc import Sequence

from dialects.acoustic import Models
from dialects.digits_ear import DigitsAgain
from dialects.ears import EarMaker, digit_ear_maker, ear_maker
from dialects.finishing import Expectation, finish, repairer_for
from dialects.heard import Heard
from dialects.pack import Pack


class PackRecogniser:
    """Hears one call with one pack; not to be used by two threads at once."""

    def __init__(
        self,
        pack: Pack,
        models: Models,
        make_ear: EarMaker | None = None,
        make_digit_ear: EarMaker | None = None,
    ) -> None:
        """Make it before the call is answered: a model that is not loaded yet is loaded now.

        With an ear of one's own, digits are heard a second time only if there is one for them too.

        Raises:
            ModelError: neither the pack's model nor Mandarin's can be used.
        """
        self._pack = pack
        self._model = models.name_for(pack)
        make_free_ear = make_ear or ear_maker(models)
        self._ear = make_free_ear(self._model)
        self._again = DigitsAgain(make_digit_ear if make_ear else digit_ear_maker(models), make_free_ear)
        self._repairer = repairer_for(pack)
        self._expected = Expectation()

    @property
    def pack(self) -> str:
        """The name of its pack."""
        return self._pack.name

    def accept(self, pcm: bytes) -> None:
        """Take in more of the present utterance: 16 kHz mono, signed 16 bit, little endian."""
        self._ear.accept(pcm)
        self._again.accept(pcm, self._expected.digits)

    def partial(self) -> str:
        """What has been recognised so far, without spaces."""
        return self._ear.partial()

    def finish(self) -> Heard:
        """End the utterance, and be ready for the next one."""
        heard = self._ear.finish()
        digits = self._again.hear(self._model, heard)
        return finish(heard, self._pack, self._expected, self._repairer, digits)

    def expect(self, kind: str, phrases: Sequence[str] = (), digits: int | None = None) -> None:
        """What is likely to come; holds until the next call of this."""
        self._expected = Expectation(kind, tuple(phrases), digits)
