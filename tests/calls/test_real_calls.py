"""A handful of the scripted calls, all at once, on real audio through real Vosk, Rasa and PostgreSQL."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import psycopg
import pytest

from gateway.calls.cast import cast
from telephony.standin.clients import HttpGateway, StandinClient
from telephony.standin.loader import load_folder
from telephony.standin.runner import Runner, plan
from telephony.standin.table import Row
from tests.support.stack import TODAY, Stack, wait_until

pytestmark = [pytest.mark.audio, pytest.mark.model, pytest.mark.timeout(420)]

SCRIPTS = (
    "verified_keys",
    "wrong_person",
    "opts_out",
    "machine_with_beep",
    "presses_zero",
    "hangs_up_at_the_digits",
    "busy_line",
)


@pytest.fixture(scope="module")
def rows(telephone: Stack) -> list[Row]:
    """Each script once, in Mandarin."""

    async def play() -> list[Row]:
        standin = telephone.state["standin"]
        chosen = [s for s in load_folder(Path(__file__).parent / "scripts") if s.name in SCRIPTS]
        async with httpx.AsyncClient(trust_env=False) as client:
            runner = Runner(
                [part for part in plan(chosen, None) if part.pack == "mandarin"],
                cast(TODAY),
                HttpGateway(client, telephone.url, ""),
                StandinClient(client, standin["url"], standin["sid"], standin["token"]),
                len(SCRIPTS),
            )
            await runner.run()
        return runner.rows

    return asyncio.run(play())


def test_every_call_ends_as_its_script_says(rows: list[Row]) -> None:
    assert {row.script for row in rows} == set(SCRIPTS)
    assert {row.script: row.outcome for row in rows if not row.right} == {}


def test_the_bot_speaks_first_and_answers(rows: list[Row]) -> None:
    told = next(row for row in rows if row.script == "verified_keys")
    assert told.figures["greeting_ms"] is not None
    assert told.figures["reply_gaps_ms"]


def test_every_call_that_was_answered_is_written_down_and_recorded(rows: list[Row], telephone: Stack) -> None:
    ours = [row.call_id for row in rows if row.call_id]
    with psycopg.connect(telephone.database_url, autocommit=True) as database:
        # The recording is put away a moment after the outcome is known.
        wait_until(
            lambda: (
                database.execute(
                    "select 1 from call where id = any(%s::uuid[]) and answered_at is not null"
                    " and recording_seconds is null",
                    (ours,),
                ).fetchone()
                is None
            ),
            30,
            "recordings put away",
        )
        found = database.execute(
            "select c.outcome, count(l.id), c.recording_seconds from call c left join call_line l on l.call_id = c.id"
            " where c.answered_at is not null and c.id = any(%s::uuid[]) group by c.id",
            (ours,),
        ).fetchall()
        said = "".join(
            row[0]
            for row in database.execute(
                "select text from call_line where speaker = 'caller' and call_id = any(%s::uuid[])", (ours,)
            )
        )
    assert len(found) == len(SCRIPTS) - 1
    assert all(lines and seconds for _, lines, seconds in found)
    assert "打错" in said


def test_a_call_can_be_listened_to_and_found_by_its_words(rows: list[Row], telephone: Stack) -> None:
    with httpx.Client(base_url=telephone.url, trust_env=False, timeout=30) as client:
        ours = next(row.call_id for row in rows if row.script == "wrong_person")
        assert ours in {row["id"] for row in client.get("/calls.json", params={"q": "打错"}).json()}
        sheet = client.get(f"/calls/{ours}.json").json()
        sound = client.get(sheet["recording"]["url"]).content
        levels = client.get(f"/calls/{ours}/levels.json").json()
    assert sheet["outcome"] == "wrong_person"
    assert sound[:4] == b"RIFF" and len(sound) > 8000 * 2 * 3
    assert max(levels["bot"]) > 0 and max(levels["caller"]) > 0


def test_whoever_asked_for_no_more_calls_is_not_called_again(rows: list[Row], telephone: Stack) -> None:
    opted = next(row for row in rows if row.script == "opts_out")
    again = httpx.post(
        f"{telephone.url}/calls", json={"to": opted.to, "carrier": "standin"}, trust_env=False, timeout=30
    )
    assert again.status_code == 409 and "不再接到" in again.json()["detail"]
