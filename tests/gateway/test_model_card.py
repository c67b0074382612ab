from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway import model_choice
from gateway.model_card import Card, Figure, card_path, read_card, worse, write_card
from gateway.model_choice import ChoiceError, RefusedError, find, read_pointer, set_pointer, use
from gateway.model_measure import Read, bare_card, evaluation_sets, figure, hash_of
from gateway.settings import Settings

pytestmark = pytest.mark.unit


def figures(**right: int) -> dict[str, Figure]:
    return {name: Figure(100, value, 0, 0) for name, value in right.items()}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = Settings(data_dir=tmp_path / "var", models_dir=tmp_path / "models", _env_file=None)  # type: ignore[call-arg]
    made.models_dir.mkdir()
    monkeypatch.setattr(
        model_choice, "measured_card", lambda archive: read_card(archive) or bare_card(archive)
    )
    monkeypatch.setattr(
        model_choice, "model_path", lambda settings: settings.models_dir / "shuiling-now.tar.gz"
    )
    return made


def archive(settings: Settings, name: str, **right: int) -> Path:
    path = settings.models_dir / f"{name}.tar.gz"
    path.write_bytes(b"x")
    write_card(path, Card(name, name, "2026-11-24T00:00:00+00:00").measured("h", figures(**right)))
    return path


def test_a_card_survives_being_written(tmp_path: Path) -> None:
    path = tmp_path / "shuiling-a.tar.gz"
    card = Card("shuiling-a", "a", "2026-11-24T00:00:00+00:00", 90.5, 5000).measured("h", figures(dev=90))
    write_card(path, card)
    assert read_card(path) == card and card_path(path).name == "shuiling-a.json"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"figures": 3}'])
def test_a_broken_card_is_no_card(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.tar.gz"
    card_path(path).write_text(text, encoding="utf-8")
    assert read_card(path) is None


def test_one_line_is_luck_and_two_in_a_hundred_are_not() -> None:
    assert not worse(figures(dev=90), figures(dev=89))
    assert [w.where for w in worse(figures(dev=90, holdout=80), figures(dev=88, holdout=95))] == ["dev"]


def test_costly_mistakes_weigh_by_themselves() -> None:
    before, now = {"dev": Figure(100, 90, 0, 0)}, {"dev": Figure(100, 95, 0, 2)}
    assert [w.where for w in worse(before, now)] == ["costly"]
    assert "误听" in str(worse(before, now)[0])


def test_sets_that_only_one_has_read_are_not_compared() -> None:
    assert not worse(figures(old=90), figures(new=10))


def test_figures_count_what_they_say() -> None:
    reads = [Read("a", "deny", "affirm"), Read("b", "deny", "nlu_fallback"), Read("c", "deny", "deny")]
    assert figure(reads) == Figure(3, 1, 1, 1)


def test_the_sets_have_a_name_each_and_a_hash_of_their_lines() -> None:
    sets = evaluation_sets()
    assert {"dev/a", "holdout/mandarin"} <= set(sets)
    changed = {**sets, "dev/a": sets["dev/a"][1:]}
    assert hash_of(sets) != hash_of(changed)


def test_a_worse_model_is_refused_without_force(settings: Settings) -> None:
    old, new = archive(settings, "shuiling-old", dev=90), archive(settings, "shuiling-new", dev=80)
    set_pointer(settings, old, "auto")
    with pytest.raises(RefusedError) as refused:
        use(settings, new, force=False)
    assert "90句减到80句" in str(refused.value.found[0])
    assert read_pointer(settings).model == old.name  # type: ignore[union-attr]
    assert use(settings, new, force=True).model == new.name


def test_a_better_one_is_used_and_the_way_back_is_known(settings: Settings) -> None:
    old, new = archive(settings, "shuiling-old", dev=80), archive(settings, "shuiling-new", dev=90)
    set_pointer(settings, old, "auto")
    pointer = use(settings, new, force=False)
    assert (pointer.model, pointer.previous, pointer.chosen) == (new.name, old.name, "hand")
    assert find(settings, "previous") == old
    assert use(settings, find(settings, "previous"), force=True).previous == new.name


def test_a_running_rasa_that_cannot_load_it_brings_the_old_one_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = archive(settings, "shuiling-old", dev=80), archive(settings, "shuiling-new", dev=90)
    set_pointer(settings, old, "auto")
    (settings.data_dir / "serve.json").write_text("{}", encoding="utf-8")
    (settings.data_dir / "model" / "loaded.json").write_text(
        json.dumps({"model": old.name, "wanted": new.name, "error": "ReadError: broken"}), encoding="utf-8"
    )
    with pytest.raises(ChoiceError, match="broken"):
        use(settings, new, force=False)
    assert read_pointer(settings).model == old.name  # type: ignore[union-attr]


def test_names_may_be_short_but_not_doubtful(settings: Settings) -> None:
    first, _ = archive(settings, "shuiling-abc1"), archive(settings, "shuiling-abd2")
    assert find(settings, "abc1") == first == find(settings, "shuiling-abc1.tar.gz")
    with pytest.raises(ChoiceError, match="不止一个"):
        find(settings, "ab")
    with pytest.raises(ChoiceError, match="没有模型叫"):
        find(settings, "zzz")
    with pytest.raises(ChoiceError, match="没有上一个"):
        find(settings, "previous")
