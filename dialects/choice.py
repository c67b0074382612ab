"""Which pack hears a call: believed at first, then shown by the first utterances, and open to change in mid-call.

While two packs with different models are both likely, both decode; the one whose best path scores higher a second gains.
As soon as one leads clearly it decodes alone. Utterances that it hears badly bring the others back into play.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import structlog

from dialects.acoustic import ModelError, Models
from dialects.digits_ear import DigitsAgain
from dialects.ear import Ear
from dialects.ears import EarMaker, digit_ear_maker, ear_maker
from dialects.finishing import Expectation, finish
from dialects.heard import Heard
from dialects.lexicon import PACKS, read_table
from dialects.nbest import Hypothesis
from dialects.pack import DEFAULT, Pack
from dialects.prior import Remembered

_log = structlog.get_logger("dialects.choice")
T = TypeVar("T")
REACH = 2.5
"""Log-odds: a pack that trails by less is still in play."""
_MOST = 6.0
_PER_POINT, _EVEN, _MOST_AT_ONCE = 0.3, 2.0, 2.0
"""A model other than Mandarin's that scores ``_EVEN`` nats a second higher proves nothing, each further one is worth
``_PER_POINT``, an utterance at most ``_MOST_AT_ONCE``. Measured on 100 sentences through the telephone band: the difference
is -1.2 ± 2.8 for standard speech and +6.2 ± 6.8 for speech with Sichuan's sounds, synthetic voices both."""
_PER_WORD = 0.7
"""A dialect word that only some packs have."""
_DOUBT, _SURE_ENOUGH = 8.0, 0.9
"""What each point of confidence below ``_SURE_ENOUGH`` is worth to packs with other models, at most ``_PER_DOUBT``."""
_PER_DOUBT = 1.0
_LEAST_MS = 600
"""Shorter utterances sound alike in all accents."""


@dataclass
class Choice:
    """The belief, as log-odds against Mandarin's pack; starts with :func:`dialects.prior.prior`."""

    packs: Mapping[str, Pack]
    odds: dict[str, float]
    models: dict[str, str]
    """The model that each pack is heard with here."""
    utterances: int = 0
    _words: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def best(self) -> Pack:
        """The likeliest pack; the first one, which is Mandarin's, of those that are equally likely."""
        return max(self.packs.values(), key=lambda pack: self.odds.get(pack.name, -_MOST))

    def in_play(self) -> tuple[Pack, ...]:
        """The packs that should hear the next utterance, the likeliest first: one, or two with different models."""
        best = self.best
        others = sorted(self.packs, key=lambda name: -self.odds.get(name, -_MOST))
        for name in others:
            if self.odds.get(name, -_MOST) <= self.odds.get(best.name, -_MOST) - REACH:
                break
            if self.models[name] != self.models[best.name]:
                return best, self.packs[name]
        return (best,)

    def compare(self, one: str, heard: Hypothesis, other: str, rival: Hypothesis) -> None:
        """Two packs' hypotheses of one utterance: the better one gains, with all packs of the same model."""
        longest = max(heard.voiced_ms, rival.voiced_ms)
        if longest < _LEAST_MS:
            return
        lead = 1000 * (rival.score - heard.score) / longest
        even = _EVEN * ((self.models[one] == DEFAULT) - (self.models[other] == DEFAULT))
        gain = max(-_MOST_AT_ONCE, min(_MOST_AT_ONCE, _PER_POINT * (lead - even)))
        self._add(self.models[other], gain / 2)
        self._add(self.models[one], -gain / 2)

    def hear(self, heard: Hypothesis, pack: Pack) -> None:
        """Count the words of an utterance and how well it was heard."""
        self.utterances += 1
        present = {name: self._dialect_words(name, heard.text) for name in self.packs}
        for name, words in present.items():
            own = {word for word in words if sum(word in others for others in present.values()) <= 2}
            if own and name != DEFAULT:
                self._gain(name, _PER_WORD * min(2, len(own)))
        if heard.voiced_ms >= _LEAST_MS and heard.confidence < _SURE_ENOUGH:
            doubt = min(_PER_DOUBT, _DOUBT * (_SURE_ENOUGH - heard.confidence))
            for model in set(self.models.values()) - {self.models[pack.name]}:
                self._add(model, doubt)

    def switch(self, name: str) -> None:
        """The caller, or a human, has named the pack: it leads clearly from now on."""
        self.odds = {each: min(value, _MOST - 2 * REACH) for each, value in self.odds.items()}
        self.odds[name] = _MOST

    def remember(self) -> Remembered:
        """For the taxpayer's record and :func:`dialects.prior.prior` at the next call."""
        zero = self.odds.get(DEFAULT, 0.0)
        odds = {name: round(value - zero, 3) for name, value in self.odds.items() if name != DEFAULT}
        return Remembered(odds, self.utterances)

    def _add(self, model: str, gain: float) -> None:
        for name, heard_with in self.models.items():
            if heard_with == model:
                self._gain(name, gain)

    def _gain(self, name: str, gain: float) -> None:
        self.odds[name] = max(-_MOST, min(_MOST, self.odds.get(name, 0.0) + gain))

    def _dialect_words(self, name: str, text: str) -> frozenset[str]:
        if name not in self._words:
            table = PACKS / name / "lexicon.tsv"
            entries = read_table(table) if table.exists() else ()
            self._words[name] = frozenset(entry.written for entry in entries if len(entry.written) > 1)
        return frozenset(word for word in self._words[name] if word in text)


class MultiPackRecogniser:
    """Hears one call with whichever packs are in play; see ``dialects.heard.Recogniser``."""

    def __init__(
        self,
        packs: Mapping[str, Pack],
        models: Models,
        odds: Mapping[str, float],
        make_ear: EarMaker | None = None,
        workers: Executor | None = None,
        make_digit_ear: EarMaker | None = None,
    ) -> None:
        """``odds`` from :func:`dialects.prior.prior`. With ``workers`` the second ear decodes in another thread.

        With ears of one's own, digits are heard a second time only if there is one for them too.

        Raises:
            ModelError: not even Mandarin's model can be used.
        """
        self.choice = Choice(packs, dict(odds), {name: models.name_for(pack) for name, pack in packs.items()})
        self._make_ear = make_ear or ear_maker(models)
        self._again = DigitsAgain(make_digit_ear if make_ear else digit_ear_maker(models), self._make_ear)
        self._workers = workers
        self._ears: dict[str, Ear] = {}
        self._expected = Expectation()
        self._in_play: tuple[Pack, ...] = ()
        self._begun = False
        self._settle()

    @property
    def pack(self) -> str:
        """The likeliest pack now; a change counts from the next utterance on."""
        return self._in_play[0].name

    @property
    def undecided(self) -> bool:
        """Whether two models decode."""
        return len(self._in_play) > 1

    def accept(self, pcm: bytes) -> None:
        """Take in more of the present utterance: 16 kHz mono, signed 16 bit, little endian."""
        self._begun = True
        self._again.accept(pcm, self._expected.digits)
        first, *rest = self._playing()
        waiting = [self._start(partial(ear.accept, pcm)) for ear in rest]
        first.accept(pcm)
        for each in waiting:
            each()

    def partial(self) -> str:
        """What the likeliest pack has recognised so far, without spaces."""
        return self._playing()[0].partial()

    def finish(self) -> Heard:
        """End the utterance, learn from it, and be ready for the next one."""
        ear, *rest = self._playing()
        waiting = [self._start(other.finish) for other in rest]
        first = ear.finish()
        heard = [each() for each in waiting]
        pack, best = self._in_play[0], first
        if heard:
            rival = self._in_play[1]
            self.choice.compare(pack.name, first, rival.name, heard[0])
            if self.choice.odds[rival.name] > self.choice.odds[pack.name]:
                pack, best = rival, heard[0]
        if best.text:
            self.choice.hear(best, pack)
        digits = self._again.hear(self.choice.models[pack.name], best)
        result = finish(best, pack, self._expected, digits=digits)
        self._begun = False
        self._settle()
        return result

    def expect(self, kind: str, phrases: Sequence[str] = (), digits: int | None = None) -> None:
        """What is likely to come; holds until the next call of this."""
        self._expected = Expectation(kind, tuple(phrases), digits)

    def switch(self, name: str) -> None:
        """Use the pack ``name`` from the next utterance on; KeyError when there is none."""
        self.choice.switch(self.choice.packs[name].name)
        if not self._begun:
            self._settle()

    def _settle(self) -> None:
        """Take in the packs that are in play now, and drop ears that are no longer needed, with their memory.

        A model that turns out to be damaged is replaced by Mandarin's: the call goes on.
        """
        while True:
            self._in_play = self.choice.in_play()
            needed = [self.choice.models[pack.name] for pack in self._in_play]
            self._ears = {name: ear for name, ear in self._ears.items() if name in needed}
            missing = [name for name in needed if name not in self._ears]
            if not missing:
                return
            try:
                self._ears[missing[0]] = self._make_ear(missing[0])
            except ModelError as error:
                if missing[0] == DEFAULT:
                    raise
                _log.warning("pack_model_unusable", model=missing[0], reason=str(error))
                self.choice.models.update(
                    {name: DEFAULT for name, model in self.choice.models.items() if model == missing[0]}
                )

    def _playing(self) -> list[Ear]:
        return [self._ears[self.choice.models[pack.name]] for pack in self._in_play]

    def _start(self, work: Callable[[], T]) -> Callable[[], T]:
        """Begin ``work`` in another thread, or leave it until its result is asked for."""
        return work if self._workers is None else self._workers.submit(work).result
