"""From Vosk's list of alternatives to one hypothesis with a confidence for each word.

In this mode (``SetMaxAlternatives``) Vosk 0.3.45 gives words without confidences, and to each alternative as
"confidence" the negated cost of its path, graph and scaled acoustics together, in nats. Their exponentials are therefore
in the ratio of the posteriors: a word is as sure as the alternatives that agree on it are likely. The best path scored as
well as Vosk's minimum-Bayes-risk text on 600 accented utterances, and one decoding serves both purposes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from dialects.align import kept
from dialects.heard import Word


@dataclass(frozen=True)
class Hypothesis:
    """What was heard in one utterance, before anything was made of it.

    ``signs`` are the confidences (0 to 1) of the characters of ``text``; ``alternatives`` other texts, likeliest first;
    ``score`` the log-likelihood of the best path, ``voiced_ms`` how long its words last. An utterance without words has
    an empty text.
    """

    text: str = ""
    signs: tuple[float, ...] = ()
    words: tuple[Word, ...] = ()
    alternatives: tuple[str, ...] = ()
    score: float = 0.0
    voiced_ms: int = 0

    @property
    def confidence(self) -> float:
        """Mean over the characters; 0 without any."""
        return sum(self.signs) / len(self.signs) if self.signs else 0.0

    def __add__(self, later: Hypothesis) -> Hypothesis:
        """Both, one after the other, as one; the alternatives are those of each with the best of the other."""
        if not self.text or not later.text:
            return self if self.text else later
        others = [self.text + each for each in later.alternatives]
        others += [each + later.text for each in self.alternatives]
        return Hypothesis(
            self.text + later.text,
            self.signs + later.signs,
            self.words + later.words,
            tuple(others),
            self.score + later.score,
            self.voiced_ms + later.voiced_ms,
        )


def read_result(result: str, began_s: float = 0.0) -> Hypothesis:
    """What a JSON result with ``alternatives`` says; times are counted from ``began_s`` of the recogniser's clock."""
    given = [each for each in json.loads(result).get("alternatives") or () if each.get("result")]
    if not given:
        return Hypothesis()
    best_score = max(float(each["confidence"]) for each in given)
    weights: dict[str, float] = {}
    for each in given:
        text = "".join(str(word["word"]) for word in each["result"])
        weights[text] = weights.get(text, 0.0) + math.exp(float(each["confidence"]) - best_score)
    best = max(given, key=lambda each: float(each["confidence"]))
    text = "".join(str(word["word"]) for word in best["result"])
    signs = _agreement(text, weights)
    words: list[Word] = []
    at = 0
    for word in best["result"]:
        spoken = str(word["word"])
        sure = min(signs[at : at + len(spoken)])
        began, ended = (max(0, round(1000 * (float(word[key]) - began_s))) for key in ("start", "end"))
        words.append(Word(spoken, sure, began, ended))
        at += len(spoken)
    others = sorted((each for each in weights if each != text), key=lambda each: -weights[each])
    return Hypothesis(
        text,
        signs,
        tuple(words),
        tuple(others),
        float(best["confidence"]),
        sum(word.ended_ms - word.began_ms for word in words),
    )


def _agreement(text: str, weights: dict[str, float]) -> tuple[float, ...]:
    """For each character of ``text`` the share of the alternatives' weight that has it in this place."""
    total = sum(weights.values())
    signs = [0.0] * len(text)
    for other, weight in weights.items():
        for place, same in enumerate(kept(text, other)):
            if same:
                signs[place] += weight / total
    return tuple(min(1.0, each) for each in signs)
