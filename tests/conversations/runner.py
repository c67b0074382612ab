"""Plays one script against the running product, as a Rasa client would."""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import httpx
import psycopg
from psycopg.rows import dict_row
from pypdf import PdfReader

from tests.conversations import checks
from tests.conversations.cast import Player
from tests.conversations.invariants import broken, strings
from tests.conversations.script import Expect, Script, Step
from tests.support.stack import TODAY

MOST_BUBBLES = 6
PATIENCE_S = 60


class Bureau(Protocol):
    """The running product."""

    url: str

    @property
    def database_url(self) -> str: ...


class Failed(AssertionError):
    """An expectation that did not come true; the message holds the whole conversation."""


class Play:
    """One script being played."""

    def __init__(self, script: Script, cast: Mapping[str, Player], bureau: Bureau) -> None:
        self.script = script
        self.cast = cast
        self.bureau = bureau
        self.http = httpx.Client(base_url=bureau.url, timeout=PATIENCE_S, trust_env=False)
        self.transcript: list[str] = []
        self.saved: dict[str, list[str]] = {}
        self.known: set[Player] = set()
        self.last: list[dict[str, Any]] = []
        self._meet()

    def run(self) -> None:
        """Play it to the end.

        Raises:
            Failed: something was not as expected.
        """
        with (
            self.http,
            psycopg.connect(self.bureau.database_url, row_factory=dict_row, autocommit=True) as db,
        ):
            self.db = db
            for number, step in enumerate(self.script.steps, 1):
                try:
                    self._step(step)
                except (AssertionError, LookupError, httpx.HTTPError, psycopg.Error) as error:
                    talk = "\n".join(self.transcript)
                    raise Failed(
                        f"{self.script.id}\n{talk}\n\nstep {number} ({step.what}: {step.value}):\n"
                        f"{type(error).__name__}: {error}"
                    ) from None

    def _meet(self) -> None:
        self.sender = f"script-{self.script.id[:80]}-{secrets.token_hex(6)}"
        self.known = set()
        self.last = []

    def _step(self, step: Step) -> None:
        match step.what:
            case "say":
                self._say(self._words(step.value), step.expect)
            case "press":
                self._say(self._button(self._filled(step.value)), step.expect)
            case "verify":
                self._verify(step.value, step.expect)
            case "arrange":
                self._arrange(step.value)
            case "download":
                self._download(step.value)
            case "db":
                checks.check(self.db, self.sender, self.cast, step.value)
            case _:
                self.transcript.append("──── another conversation ────")
                self._meet()

    def _words(self, value: Any) -> str:
        if isinstance(value, dict):
            return str(value["text"]) * int(value["times"])
        known = re.fullmatch(r"(CODE|WRONG_CODE|OLD_CODE)(?: (\w+))?", str(value))
        if not known:
            return self._filled(str(value))
        codes = self._codes(self.cast[known[2] or "me"])
        match known[1]:
            case "CODE":
                return codes[0]
            case "OLD_CODE":
                return codes[1]
            case _:
                return next(f"{n:06d}" for n in range(135790, 135800) if f"{n:06d}" not in codes)

    def _codes(self, player: Player) -> list[str]:
        sent = self.http.get("/demo/outbox").raise_for_status().json()
        codes = [m["body"] for m in sent if m["phone_mask"] == player.phone_mask]
        assert codes, f"no text message to {player.phone_mask}"
        return [re.findall(r"(?<!\d)\d{6}(?!\d)", body)[0] for body in codes]

    def _filled(self, text: str) -> str:
        return re.sub(r"\{(\w+)\.([\w.-]+)\}", lambda m: self.cast[m[1]].fill(m[2]), text)

    def _button(self, title: str) -> str:
        offered = {b["title"]: b["payload"] for a in self.last for b in a.get("buttons", ())}
        assert title in offered, f"no button {title!r}; there are {sorted(offered)}"
        return str(offered[title])

    def _verify(self, alias: str, expect: Expect) -> None:
        player = self.cast[alias]
        self._say(player.identifier, Expect(has=("验证码",)))
        self._say(self._words(f"CODE {alias}"), expect, proves=player)

    def _say(self, words: str, expect: Expect, proves: Player | None = None) -> None:
        self.transcript.append(f"» {words[:200]}{f' …({len(words)})' if len(words) > 200 else ''}")
        response = self.http.post("/webhooks/rest/webhook", json={"sender": self.sender, "message": words})
        assert response.status_code == 200, f"{response.status_code} {response.text[:300]}"
        self.last = response.json()
        self._write_down()
        self._prove(proves, words)
        wrong = broken(
            self.last, known=self.known, cast=self.cast.values(), example=expect.amounts == "example"
        )
        assert not wrong, "; ".join(wrong)
        self._compare(expect)

    def _write_down(self) -> None:
        for answer in self.last:
            buttons = " ".join(f"[{b['title']}]" for b in answer.get("buttons", ()))
            custom = " ".join(kinds(answer.get("custom")))
            self.transcript.append(
                f"   ‹ {answer.get('text', '')} {buttons}{f' ({custom})' if custom else ''}"
            )
        if not self.last:
            self.transcript.append("   ‹ (nothing)")

    def _prove(self, proves: Player | None, words: str) -> None:
        """Whom the words just said have proved, by what the database says."""
        rows = self.db.execute(
            "select v.taxpayer_id from verification v join conversation c on c.id = v.conversation_id"
            " where c.external_id = %s and v.state = 'verified' and v.valid_until >= %s",
            (self.sender, TODAY),
        ).fetchall()
        self.known |= {p for p in self.cast.values() if p.id in {r["taxpayer_id"] for r in rows}}
        if proves is not None:
            said = "".join(str(a.get("text", "")) for a in self.last)
            assert proves in self.known, f"{proves.name} is not verified after {words}"
            assert "核实通过" in said and proves.name in said, "the success is not told"

    def _compare(self, expect: Expect) -> None:
        text = "\n".join(str(a.get("text", "")) for a in self.last)
        if expect.silent:
            assert not self.last, "an answer where none is wanted"
            return
        assert self.last and all(a.get("text") or a.get("custom") for a in self.last), "no answer"
        assert len(self.last) <= MOST_BUBBLES, f"{len(self.last)} bubbles are too many"
        for item in expect.has:
            options = [self._filled(o) for o in ((item,) if isinstance(item, str) else item)]
            assert any(o in text for o in options), f"the answer lacks {' / '.join(options)}"
        for word in map(self._filled, expect.lacks):
            assert word not in text, f"the answer has {word!r}"
        titles = [b["title"] for a in self.last for b in a.get("buttons", ())]
        for title in expect.buttons:
            assert any(title in t for t in titles), f"no button {title!r}; there are {titles}"
        for title in expect.no_buttons:
            assert not any(title in t for t in titles), f"a button {title!r}"
        if expect.custom:
            shown = [k for a in self.last for k in kinds(a.get("custom"))]
            assert expect.custom in shown, f"no {expect.custom}; there are {shown}"
        cells = [s for a in self.last for s in strings(a.get("custom"))]
        for cell in map(self._filled, expect.cells):
            assert any(cell in c for c in cells), f"no cell {cell!r} in {cells}"
        if expect.bubbles is not None:
            assert len(self.last) == expect.bubbles, f"{len(self.last)} bubbles, not {expect.bubbles}"
        if expect.queue:
            self._queue(text, hours=expect.queue == "full")
        if expect.equals:
            said = [str(a.get("text", "")) for a in self.last]
            assert said == self.saved[expect.equals], f"not what was said before: {self.saved[expect.equals]}"
        if expect.save:
            self.saved[expect.save] = [str(a.get("text", "")) for a in self.last]

    def _queue(self, text: str, hours: bool) -> None:
        """The taxpayer hears the ticket's number, its true place, and whether anybody is there now."""
        ticket = checks.ticket_of(self.db, checks.conversation(self.db, self.sender))
        assert ticket is not None, "no ticket"
        assert ticket["number"] in text, f"the number {ticket['number']} is not told"
        ahead = checks.ahead_of(self.db, ticket)
        place = f"前面还有{ahead}位" if ahead else "排在最前面"
        assert place in text, f"the place is not told: {place}"
        staffed = checks.staffed(datetime.now(checks.SHANGHAI))
        assert not hours or ("不在人工服务时间" in text) is not staffed, "the office hours are told wrong"
        assert not re.search(r"马上(就)?(有|会)|很快|几分钟|立即接通", text), "a waiting time is promised"

    def _arrange(self, what: Mapping[str, str]) -> None:
        """What time would do: a code or a proof runs out, a deadline passes."""
        ((event, alias),) = what.items()
        talk = checks.conversation(self.db, self.sender)["id"]
        self.transcript.append(f"──── {event} ────")
        match event:
            case "code_expired":
                self.db.execute(
                    "update verification set code_expires_at = code_expires_at - interval '2 years'"
                    " where conversation_id = %s and state = 'pending'",
                    (talk,),
                )
            case "proof_expired":
                self.db.execute(
                    "update verification set valid_until = valid_until - interval '2 years'"
                    " where conversation_id = %s and state = 'verified'",
                    (talk,),
                )
                self.known.clear()
            case "deadline_passed":
                self.db.execute(
                    "update bill set due_date = '2026-11-20' where taxpayer_id = %s", (self.cast[alias].id,)
                )
            case "all_due_later":
                self.db.execute(
                    "update bill set due_date = '2026-12-15' where taxpayer_id = %s", (self.cast[alias].id,)
                )
            case "application_approved":
                self.db.execute(
                    "update deferral_application set status = 'approved', approved_until = requested_until,"
                    " decided_at = now() where taxpayer_id = %s",
                    (self.cast[alias].id,),
                )
            case _:
                raise LookupError(f"unknown event {event}")

    def _download(self, what: Mapping[str, Any]) -> None:
        """The printable application: a PDF behind its link, nothing behind a forged one."""
        links = [link for a in self.last for link in _links(a.get("custom"))]
        assert links, "no link"
        got = self.http.get(links[0])
        assert got.status_code == 200, f"{got.status_code} for {links[0]}"
        assert got.headers["content-type"].startswith("application/pdf")
        pages = PdfReader(io.BytesIO(got.content)).pages
        text = re.sub(r"\s", "", "".join(page.extract_text() for page in pages))
        for word in map(self._filled, what["pdf"]):
            assert word in text, f"{word!r} is not in the PDF"
        forged = self.http.get(re.sub(r"sign=.", "sign=" + "0", links[0] + "0"))
        assert forged.status_code in (403, 404, 410, 422), f"a forged link gives {forged.status_code}"
        self.transcript.append(f"──── a PDF of {len(pages)} page(s) ────")


def kinds(custom: Any) -> list[str]:
    """Kinds of a bubble's custom data, those inside a group too."""
    if not isinstance(custom, dict):
        return []
    inner = [k for item in custom.get("items", ()) for k in kinds(item)]
    return [str(custom.get("kind")), *inner]


def _links(custom: Any) -> list[str]:
    if not isinstance(custom, dict):
        return []
    own = [str(link["href"]) for link in custom.get("links", ())]
    return own + [href for item in custom.get("items", ()) for href in _links(item)]
