"""One taxpayer's whole thread as a signed PDF."""

from __future__ import annotations

import io
import stat
import threading
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext
from pypdf import PdfReader
from sqlalchemy import select

from handoff.events import Kind
from handoff.paper.page import HEIGHT
from handoff.permissions import NotAllowed, Role
from handoff.signing import OWN_FILE, Keys, SigningError, seal
from handoff.story import records, talk
from handoff.story.gather import story
from handoff.story.model import Item, Proofs, Story
from handoff.thread_paper import Stamp, render
from handoff.thread_pdf import SignedThread, export_thread
from store import audit
from store.call_lines import Line, add_line
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, InternalNote, Staff, Survey, TicketEvent
from store.models import (
    AuditEvent,
    Bill,
    Call,
    Case,
    CaseKind,
    ContactExclusion,
    Conversation,
    DeferralApplication,
    DeferralMaterial,
    Message,
    Promise,
    Taxpayer,
    Verification,
)
from telephony.events import Outcome
from tests.handoff.makers import make_staff

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
STAMP = Stamp("审计员（shen）", T0, "CN", "ab" * 32, 7, "cd" * 32)
HOSTILE = (
    "<b>急</b> {nb} \x00\x07\u202e倒\ud7ff 👨‍👩‍👧🙏🏽 Z̸̡͠a̴l **粗** "
    + "很长的话，ABCDEFGHIJKLMNOPQRSTUVWXYZ，12,345.67元。" * 200
)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def taxpayer(name: str) -> Taxpayer:
    return Taxpayer(
        id=uuid.uuid4(), kind="company", name=name, region="东湖区", identifier_kind="uscc", identifier_enc=b"",
        identifier_hash=name.encode(), identifier_mask="9135**********0Y43",
    )  # fmt: skip


def proven(talk: uuid.UUID, who: Taxpayer, when: datetime) -> Verification:
    return Verification(
        id=uuid.uuid4(),
        conversation_id=talk,
        taxpayer_id=who.id,
        state="verified",
        verified_at=when,
        valid_until=when,
    )


def said(talk: uuid.UUID, text: str, minutes: float, sender: str = "taxpayer", **payload: object) -> Message:
    return Message(conversation_id=talk, sender=sender, text=text, created_at=at(minutes), payload=payload)


async def a_life(sessions: SessionFactory) -> tuple[Taxpayer, Taxpayer, Staff]:
    """A taxpayer with a chat, a call, and everything that came of them; another one in the same chat later."""
    me, other, agent = taxpayer("青禾食品（虚构）"), taxpayer("远山商贸"), await make_staff(sessions)
    chat, talk = (Conversation(id=uuid.uuid4(), channel=c, created_at=at(0)) for c in ("web", "phone"))
    bill = Bill(
        id=uuid.uuid4(), bill_no="B1", taxpayer_id=me.id, tax_type="增值税", period="2026-10", principal=Decimal(80000),
        due_date=date(2026, 11, 30),
    )  # fmt: skip
    ticket = HandoffTicket(
        id=uuid.uuid4(), number="RG2026-000001", conversation_id=chat.id, taxpayer_id=me.id, reason="asked",
        skill="general", priority=5, summary="要求人工服务。", trigger_text="转人工", status="closed", agent_id=agent.id,
        created_at=at(5), claimed_at=at(6), closed_at=at(9), closing_note="讲清楚了",
    )  # fmt: skip
    call = Call(
        id=uuid.uuid4(), conversation_id=talk.id, taxpayer_id=me.id, carrier="standin", phone_enc=b"", phone_hash=b"",
        phone_mask="139****1234", purpose="remind", state="ended", outcome="completed", intent_at=at(20), placed_at=at(20),
        answered_at=at(20.5), stream_opened_at=at(21), ended_at=at(23), created_at=at(20),
    )  # fmt: skip
    async with sessions() as session, session.begin():
        session.add_all([me, other, chat, talk])
        await session.flush()
        session.add_all([bill, ticket, call, proven(chat.id, me, at(2)), proven(chat.id, other, at(30))])
        await session.flush()
        session.add_all(
            [
                said(chat.id, "我想查欠税", 1),
                said(chat.id, "您有一笔增值税", 3, "bot", custom={"kind": "citations", "items": ["第三十一条"]},
                     buttons=[{"title": "怎么缴", "payload": "怎么缴"}]),
                said(chat.id, "我是坐席，请讲", 7, "agent", by="坐席1"),
                said(chat.id, "另一家公司的话", 31),
                said(chat.id, "给另一家公司的答复", 32, "bot"),
                said(talk.id, "我下周缴", 21.5),
                said(talk.id, "只在消息里的话", 22.5, "bot"),
                InternalNote(conversation_id=chat.id, staff_id=agent.id, text="回电13900001234", created_at=at(8)),
                InternalNote(conversation_id=chat.id, staff_id=agent.id, text="另一家的备注", created_at=at(33)),
                TicketEvent(ticket_id=ticket.id, kind="claimed", staff_id=agent.id, at=at(6)),
                TicketEvent(ticket_id=ticket.id, kind="breached", detail={"clock": "first_answer"}, at=at(6.5)),
                TicketEvent(ticket_id=ticket.id, kind="closed", staff_id=agent.id, detail={"disposition": "solved"}, at=at(9)),
                Survey(conversation_id=chat.id, ticket_id=ticket.id, score=4, word="耐心", channel="web", created_at=at(10)),
                Case(number="YY1", kind="dispute", conversation_id=chat.id, taxpayer_id=me.id, statement="多算了",
                     status="done", result="已更正", closed_at=at(40), closed_by=agent.id, created_at=at(11)),
                Case(number="TS9", kind="complaint", conversation_id=chat.id, taxpayer_id=other.id, statement="别人的投诉",
                     created_at=at(34)),
                Promise(taxpayer_id=me.id, conversation_id=chat.id, promised_on=date(2026, 11, 27), created_at=at(12)),
                DeferralMaterial(conversation_id=chat.id, filename="对账单.pdf", content_type="application/pdf", size=1,
                                 sha256="ef" * 32, created_at=at(13)),
                DeferralApplication(
                    number="YQ1", taxpayer_id=me.id, bill_id=bill.id, conversation_id=chat.id, status="approved",
                    reason="cash_shortage", reason_text="回款慢", tax_amount=Decimal(80000), months=3,
                    requested_until=date(2027, 2, 28), cash=Decimal(0), wages_payable=Decimal(0),
                    social_insurance=Decimal(0), submitted_at=at(14), accepted_at=at(15), decided_at=at(50),
                    approved_until=date(2027, 2, 28), decision_note="同意", officer_id=agent.id),
            ]
        )  # fmt: skip
        others = Call(
            id=uuid.uuid4(), conversation_id=chat.id, taxpayer_id=other.id, carrier="standin", phone_enc=b"",
            phone_hash=b"", phone_mask="138****0000", purpose="remind", created_at=at(1),
        )  # fmt: skip
        session.add(others)
        await session.flush()
        await add_line(session, others.id, Line("caller", "另一家在电话里说的话", 0, 1))
        await add_line(session, call.id, Line("bot", "您好，这里是税务局。", 1000, 3000, heard=1.0))
        await add_line(session, call.id, Line("caller", "我下周缴。", 30_000, 32_000))
    return me, other, agent


async def test_everything_is_there_in_order_and_nobody_elses(sessions: SessionFactory) -> None:
    me, other, _ = await a_life(sessions)
    async with sessions() as session:
        told = await story(session, me.id)
        others = await story(session, other.id)
    texts = [item.text for item in told.items]
    assert [item.at for item in told.items] == sorted(item.at for item in told.items)
    expected = [
        "我想查欠税",
        "身份核实通过",
        "您有一笔增值税\n〔附：第三十一条〕\n〔按钮：怎么缴〕",
        "人工服务单RG2026-000001：要求人工服务（综合）\n要求人工服务。",
        "人工服务单RG2026-000001：坐席接入",
        "人工服务单RG2026-000001：超过时限（首次应答）",
        "我是坐席，请讲",
        "内部备注：回电139****1234",
        "人工服务单RG2026-000001：结束（已解决）。备注：讲清楚了",
        "评分4分：耐心",
        "登记异议YY1：多算了",
        "约定2026-11-27缴款（未到期）",
        f"上传文件：对账单.pdf（SHA-256 {'ef' * 32}）",
        "提交延期缴纳申请YQ1：税款80,000.00元，延期3个月，到2027-02-28。理由：回款慢",
        "延期缴纳申请YQ1：受理",
        "拨打电话 139****1234",
        "您好，这里是税务局。",
        "我下周缴。",
        "只在消息里的话",
        "通话结束：已核实身份并说明事项",
        "异议YY1办结：已更正",
        "延期缴纳申请YQ1：批准，延期到2027-02-28。同意",
    ]
    assert texts == expected
    assert (told.conversations, told.calls, told.left_out) == (2, 1, 2)
    assert [item.text for item in others.items] == [
        "安排了电话 138****0000", "另一家在电话里说的话", "身份核实通过", "另一家公司的话", "给另一家公司的答复",
        "内部备注：另一家的备注", "登记投诉TS9：别人的投诉"
    ]  # fmt: skip


async def test_after_somebody_says_they_are_not_it_their_words_are_left_out(sessions: SessionFactory) -> None:
    me, chat = taxpayer("青禾"), Conversation(id=uuid.uuid4(), channel="web")
    async with sessions() as session, session.begin():
        session.add_all([me, chat])
        await session.flush()
        session.add_all(
            [
                proven(chat.id, me, at(1)),
                said(chat.id, "我是青禾", 0),
                ContactExclusion(
                    id=uuid.uuid4(), kind="wrong_person", conversation_id=chat.id, created_at=at(2)
                ),
                said(chat.id, "我是路过的人", 3),
            ]
        )
    async with sessions() as session:
        told = await story(session, me.id)
    assert [item.text for item in told.items] == ["我是青禾", "身份核实通过"]
    assert told.left_out == 1


def test_everything_that_can_happen_has_words() -> None:
    assert set(records._EVENT_ZH) == set(Kind)
    assert set(records._CASE_ZH) == set(CaseKind)
    assert set(talk._OUTCOME_ZH) == {outcome.value for outcome in Outcome}


def test_whose_words_they_are() -> None:
    a, b = uuid.uuid4(), uuid.uuid4()
    proofs = Proofs(((at(1), a), (at(5), b)), stranger_since=at(3))
    assert [proofs.speaker(at(m)) for m in (0, 1, 2, 3, 4, 5, 6)] == [a, a, a, a, None, b, b]
    assert Proofs().speaker(at(0)) is None


async def test_nobody_known_has_no_thread(sessions: SessionFactory) -> None:
    async with sessions() as session:
        with pytest.raises(LookupError):
            await story(session, uuid.uuid4())


def a_story(*items: Item, fictional: bool = False) -> Story:
    return Story(uuid.uuid4(), "青禾食品", "9135**********0Y43", "东湖区", fictional, 1, 0, 2, items)


def pages(pdf: bytes) -> list[str]:
    return ["".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages]


def test_the_paper_says_what_it_is() -> None:
    item = Item(datetime(2026, 11, 22, 16, 0, 5, tzinfo=UTC), "纳税人", "网页会话1", "我想查欠税")
    (text,) = pages(render(a_story(item, fictional=True), STAMP))
    for part in (
        "纳税人沟通记录", "青禾食品", "9135**********0Y43", "1个会话", "审计员（shen）", "ab" * 32, "第7条", "cd" * 32,
        "另有2条消息", "2026年11月23日", "00:00:05纳税人网页会话1", "我想查欠税", "第1页共1页", "演示",
    ):  # fmt: skip
        assert part in text, part
    (empty,) = pages(render(a_story(), STAMP))
    assert "没有记录" in empty and "演示" not in empty


def test_hostile_text_stays_text_and_nothing_of_it_is_lost() -> None:
    items = [Item(at(m), HOSTILE[:12], HOSTILE[:9], HOSTILE) for m in range(4)]
    found = pages(render(a_story(*items, Item(at(9), "", "", "\x00")), STAMP))
    assert len(found) > 4
    text = "".join(page.rsplit(f"第{number}页", 1)[0] for number, page in enumerate(found, 1))
    assert text.count("12,345.67元。") == 4 * 200
    assert "<b>急</b>{nb}倒" in text and "**粗**" in text and "□" in text and "（空）" in text
    for number, page in enumerate(found, 1):
        assert page.endswith(f"第{number}页共{len(found)}页")


def test_no_line_runs_over_the_edge_and_no_heading_stands_alone() -> None:
    items = [Item(at(1500 * m), "纳税人", "网页会话1", f"第{m}句。" * 9) for m in range(120)]
    reader = PdfReader(io.BytesIO(render(a_story(*items), STAMP)))
    lowest: list[float] = []

    def visit(text: str, _: object, matrix: list[float], *__: object) -> None:
        if text.strip():
            lowest.append(matrix[5])

    for page in reader.pages:
        page.extract_text(visitor_text=visit)
        assert not page.extract_text().strip().splitlines()[-2].endswith("网页会话1")
    assert len(reader.pages) > 3 and min(lowest) > 0
    assert max(lowest) < HEIGHT * 72 / 25.4


async def status(pdf: bytes, keys: Keys) -> PdfSignatureStatus:
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    root = seal(keys, datetime.now(UTC)).signer.signing_cert
    return await async_validate_pdf_signature(signature, ValidationContext(trust_roots=[root]))


async def exported(sessions: SessionFactory, keys: Keys) -> tuple[SignedThread, Taxpayer, Staff]:
    me, _, staff = await a_life(sessions)
    staff.roles = [Role.AUDITOR.value]
    async with sessions() as session, session.begin():
        return await export_thread(session, staff, me.id, keys), me, staff


async def test_the_signature_holds_and_breaks_with_a_byte(sessions: SessionFactory, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "signing", "东湖区税务局")
    thread, me, staff = await exported(sessions, keys)
    found = await status(thread.pdf, keys)
    assert found.bottom_line and found.valid and found.intact and found.trusted
    assert found.coverage.name == "ENTIRE_FILE"
    text = "".join(pages(thread.pdf))
    assert "我想查欠税" in text and "13900001234" not in text
    assert seal(keys, datetime.now(UTC)).fingerprint in text

    place = thread.pdf.index(b"/Title")
    for where in (20, place + 12, thread.pdf.index(b"endstream") - 5):
        broken = bytearray(thread.pdf)
        broken[where] ^= 1
        try:
            assert not (await status(bytes(broken), keys)).bottom_line
        except Exception as error:
            # A file that cannot even be read is no valid one either.
            assert "pyhanko" in type(error).__module__
    longer = await status(thread.pdf + b"\n% added\n", keys)
    assert not longer.bottom_line or longer.coverage.name != "ENTIRE_FILE"

    async with sessions() as session:
        event = (
            await session.scalars(select(AuditEvent).where(AuditEvent.action == "thread.exported"))
        ).one()
        assert (event.actor, event.subject) == (f"staff:{staff.login}", f"taxpayer:{me.id}")
        assert event.detail["sha256"] == thread.sha256
        assert (await audit.verify(session)).ok


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDITOR])
async def test_others_may_not_take_it_out(sessions: SessionFactory, tmp_path: Path, role: Role) -> None:
    staff = await make_staff(sessions)
    staff.roles = [role.value]
    async with sessions() as session:
        with pytest.raises(NotAllowed):
            await export_thread(session, staff, uuid.uuid4(), Keys(tmp_path / "signing", "税务局"))
        assert (await session.scalars(select(AuditEvent))).all() == []
    assert not (tmp_path / "signing").exists()


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    keys, now = Keys(tmp_path / "signing", "税务局"), datetime.now(UTC)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(seal(keys, now).fingerprint)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len({*found, seal(keys, now).fingerprint}) == 1
    (file,) = (tmp_path / "signing").iterdir()
    assert file.name == OWN_FILE and stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    with pytest.raises(SigningError, match="chmod 600"):
        seal(keys, now)


async def test_a_bureaus_own_pkcs12_is_used(sessions: SessionFactory, tmp_path: Path) -> None:
    made = Keys(tmp_path / "signing", "税务局")
    seal(made, datetime.now(UTC))
    key, certificate, _ = pkcs12.load_key_and_certificates((made.folder / OWN_FILE).read_bytes(), None)
    assert certificate is not None
    own = tmp_path / "own.p12"
    own.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"x", key, certificate, None, BestAvailableEncryption(b"secret")
        )  # type: ignore[arg-type]
    )
    keys = Keys(tmp_path / "elsewhere", "税务局", own, "secret")
    thread, _, _ = await exported(sessions, keys)
    assert (await status(thread.pdf, keys)).bottom_line
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(SigningError, match="口令"):
        seal(Keys(tmp_path, "税务局", own, "wrong"), datetime.now(UTC))
    with pytest.raises(SigningError, match="读不了"):
        seal(Keys(tmp_path, "税务局", tmp_path / "gone.p12"), datetime.now(UTC))
    assert "secret" not in repr(keys)
