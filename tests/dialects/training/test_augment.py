import numpy as np
import pytest

from dialects.training.augment import (
    RUMBLE_HZ,
    Band,
    Damage,
    damaged,
    dull,
    mulaw,
    swelling,
    telephone,
    with_noise,
    without_rumble,
)
from dialects.training.speech import RATE, Utterance
from telephony.hearing import rumble

pytestmark = pytest.mark.unit

TONE = 0.3 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)


def test_mu_law_loses_little() -> None:
    error = mulaw(TONE) - TONE
    assert 30 < 10 * np.log10((TONE**2).mean() / (error**2).mean()) < 45


def test_a_telephone_takes_what_is_above_its_band() -> None:
    high = 0.3 * np.sin(2 * np.pi * 6000 * np.arange(RATE) / RATE)
    assert np.abs(telephone(high, coded=False)[1000:-1000]).max() < 0.01
    assert np.abs(telephone(TONE, coded=False)[1000:-1000]).max() == pytest.approx(0.3, rel=0.05)
    assert len(telephone(TONE)) == len(TONE)


@pytest.mark.parametrize(("order", "left"), [(2, (0.05, 0.5)), (8, (1e-4, 0.02)), (None, (0.0, 1e-9))])
def test_a_band_ends_as_steeply_as_it_says(order: int | None, left: tuple[float, float]) -> None:
    times = np.arange(RATE) / RATE
    inside, outside = (np.sin(2 * np.pi * hertz * times) for hertz in (1000, 3000))
    band = Band(500, 2400, order)
    assert np.abs(band.of(inside, RATE)[4000:-4000]).max() == pytest.approx(1, abs=0.03)
    assert left[0] <= (band.of(outside, RATE)[4000:-4000] ** 2).mean() * 2 <= left[1]


def test_dull_noise_has_no_height() -> None:
    noise = np.random.default_rng(1).standard_normal(2 * RATE)
    for seed in range(5):
        power = np.abs(np.fft.rfft(dull(noise, np.random.default_rng(seed)))) ** 2
        assert power[6000:].sum() < 1e-9 < power[500:1000].sum()


@pytest.mark.parametrize("snr", [20.0, 5.0])
def test_noise_is_as_loud_as_asked(snr: float) -> None:
    noise = with_noise(TONE, np.random.default_rng(0).standard_normal(RATE), snr) - TONE
    assert 10 * np.log10((TONE**2).mean() / (noise**2).mean()) == pytest.approx(snr, abs=0.1)


def test_rumble_goes_and_speech_stays() -> None:
    hum = 0.3 * np.sin(2 * np.pi * 60 * np.arange(RATE) / RATE)
    assert np.abs(without_rumble(hum)[2000:]).max() < 0.03
    assert np.abs(without_rumble(TONE)[2000:]).max() == pytest.approx(0.3, rel=0.06)


def test_training_takes_away_what_calls_do() -> None:
    assert RUMBLE_HZ == rumble.CUT_HZ


def test_noise_that_swells_comes_and_goes() -> None:
    noise = np.ones(20 * RATE)
    for seed in range(5):
        swollen = swelling(noise, np.random.default_rng(seed))
        assert swollen.min() > 0
        assert swollen.max() / swollen.min() > 1.4
        assert swollen.mean() == pytest.approx(1, abs=0.1)


def share_of_the_edges(narrow: float) -> float:
    """How much of three tones of one strength is left in the lowest and the highest, on the mean of many lines."""
    times = np.arange(RATE) / RATE
    tones = sum(3000 * np.sin(2 * np.pi * hertz * times) for hertz in (250, 1000, 3300))
    utterance = Utterance("嗯", np.asarray(tones).astype(np.int16), ())
    line = Damage(room=0, tilt=0, noise=0, babble=0, telephone=1, narrow=narrow, rumble=0, speed=0)
    shares = []
    for seed in range(40):
        samples, _, _ = damaged(utterance, np.random.default_rng(seed), (), line)
        power = np.abs(np.fft.rfft(samples)) ** 2
        bins = [round(hertz * len(samples) / RATE) for hertz in (250, 1000, 3300)]
        low, middle, high = (power[at - 3 : at + 4].sum() for at in bins)
        shares.append((low + high) / (2 * middle))
    return float(np.mean(shares))


def test_a_poor_instrument_carries_less() -> None:
    assert share_of_the_edges(narrow=1.0) < 0.75 * share_of_the_edges(narrow=0.0)


def test_a_damaged_utterance_tells_where_its_phones_went() -> None:
    click = np.zeros(RATE, np.int16)
    click[8000:8100] = 20000
    utterance = Utterance("嗯", click, ("^", "en5"), (("^", 0.5, 0.6),))
    harmless = Damage(room=0, tilt=0, noise=0, babble=0, telephone=0, speed=1.0)
    for seed in range(5):
        samples, lead, factor = damaged(utterance, np.random.default_rng(seed), (), harmless)
        loudest = int(np.abs(samples).argmax()) / RATE
        assert loudest == pytest.approx(lead + 0.503 * factor, abs=0.01)
