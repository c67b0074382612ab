"""Conversations in WeChat, as its servers post them, through the whole gateway and out again."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from gateway.routes import wechat
from gateway.settings import WechatAccount
from gateway.wechat import WechatClient
from outreach.channels.wechat import queue_template
from outreach.clock import StoreClock
from outreach.terms import Notice, Receipt
from outreach.wechat_outbox import WechatSender
from store.engine import SessionFactory
from store.personas import by_key
from tests.chat.database import CIPHER
from tests.gateway.conftest import Client, Gateway
from tests.gateway.rasa_twin import RasaTwin
from tests.support.stack import wait_until
from tests.support.wechat import (
    AES_KEY,
    APP_ID,
    APP_SECRET,
    CUSTOM_SEND,
    TEMPLATE,
    TOKEN,
    Follower,
    WechatTwin,
    document,
    new_id,
    signed,
)

pytestmark = pytest.mark.unit

ACCOUNT: dict[str, Any] = {"wechat_app_id": APP_ID, "wechat_app_secret": APP_SECRET, "wechat_token": TOKEN}


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Client:
    return gateway(**ACCOUNT)


@pytest.fixture(scope="module")
def safe(gateway: Gateway) -> Client:
    """A gateway whose account is in the safe mode."""
    return gateway(**ACCOUNT, wechat_aes_key=AES_KEY)


@pytest.fixture
def follower(client: Client) -> Follower:
    return Follower(client)


@pytest.fixture(scope="module")
def twin() -> Iterator[WechatTwin]:
    with WechatTwin() as running:
        yield running


@pytest_asyncio.fixture
async def sender(sessions: SessionFactory, twin: WechatTwin) -> AsyncIterator[WechatSender]:
    account = WechatAccount(
        APP_ID,
        APP_SECRET,
        TOKEN,
        template_id=TEMPLATE,
        template_fields={"thing1": "{about}"},
        api_base=twin.base,
    )
    carrier = WechatClient(account)
    yield WechatSender(sessions, CIPHER, StoreClock(), carrier)
    await carrier.aclose()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that waits for the bot half a second instead of nearly five."""
    monkeypatch.setattr(wechat, "ANSWER_WITHIN_S", 0.5)


@pytest.fixture(autouse=True)
def _awake(rasa: RasaTwin) -> Iterator[None]:
    yield
    rasa.down = False
    rasa.hold.set()


class Store:
    """What the store has of a follower."""

    def __init__(self, url: str) -> None:
        self._url = url

    def all(self, query: str, *values: Any) -> list[Any]:
        with psycopg.connect(self._url, autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def conversation(self, follower: Follower) -> Any:
        ((found,),) = self.all(
            "select id from conversation where channel = 'wechat' and external_id = %s", follower.openid
        )
        return found

    def said(self, follower: Follower) -> list[tuple[str, str]]:
        return self.all(
            "select sender, text from message where conversation_id = %s order by id",
            self.conversation(follower),
        )

    def rows(self, follower: Follower) -> list[tuple[str, str]]:
        return self.all(
            "select kind, state from outbox_wechat where openid = %s order by id", follower.openid
        )

    def user(self, follower: Follower) -> Any:
        ((found),) = self.all(
            "select following, taxpayer_id, spoke_at is not null from wechat_user where openid = %s",
            follower.openid,
        )
        return found

    def aged(self, follower: Follower) -> None:
        """WeChat's five seconds are over."""
        self.all(
            "update wechat_user set spoke_at = spoke_at - interval '6 s' where openid = %s", follower.openid
        )

    def put(self, follower: Follower, sender: str, text: str, **payload: Any) -> None:
        self.all(
            "insert into message (conversation_id, sender, text, payload, state)"
            " values (%s, %s, %s, %s, 'answered')",
            self.conversation(follower),
            sender,
            text,
            json.dumps(payload),
        )

    def taken_by_agent(self, follower: Follower) -> None:
        self.all(
            "insert into staff (id, login, name, roles, password_hash)"
            " values (gen_random_uuid(), %s, '小陈', '{agent}', 'x')",
            follower.openid.lower(),
        )
        self.all(
            "update conversation set owner = 'agent', agent_id = (select id from staff where login = %s) where id = %s",
            follower.openid.lower(),
            self.conversation(follower),
        )

    def taxpayer(self, key: str) -> Any:
        digest = CIPHER.lookup_hash("identifier", by_key(key).identifier)
        ((found,),) = self.all("select id from taxpayer where identifier_hash = %s", digest)
        return found

    def proven(self, follower: Follower, key: str | None) -> None:
        taxpayer = self.taxpayer(key) if key else None
        self.all(
            "update conversation set taxpayer_id = %s where id = %s", taxpayer, self.conversation(follower)
        )


@pytest.fixture
def store(seeded_url: str) -> Store:
    return Store(seeded_url)


# --- who gets in -------------------------------------------------------------------------------------------------------


def proof(at: float | None = None, token: str = TOKEN) -> dict[str, str]:
    stamp = str(int(at or time.time()))
    return {"timestamp": stamp, "nonce": "n", "signature": signed(token, stamp, "n"), "echostr": "回声42"}


def test_the_address_proves_itself(client: Client, safe: Client) -> None:
    for gateway in (client, safe):
        answer = gateway.get("/wechat", params=proof())
        assert (answer.status_code, answer.text) == (200, "回声42")
        assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("params", [proof(token="wrong"), proof(at=time.time() - 3600), {"echostr": "x"}])
def test_nobody_else_makes_it_say_anything(client: Client, params: dict[str, str]) -> None:
    assert client.get("/wechat", params=params).status_code == 403


def test_without_an_account_there_is_no_such_address(gateway: Gateway) -> None:
    bare = gateway()
    assert bare.get("/wechat", params=proof()).status_code == 404
    assert bare.post("/wechat", content=b"<xml/>").status_code in (404, 405)


@pytest.mark.parametrize("forged", [{"signature": "0" * 40}, {"nonce": "other"}, {"timestamp": "1"}])
def test_forged_messages_are_refused_and_not_stored(
    follower: Follower, store: Store, forged: dict[str, str]
) -> None:
    xml = follower.document(MsgType="text", Content="我欠多少税", MsgId="1")
    assert follower.post(xml, **forged).status_code == 403
    assert store.all("select 1 from conversation where external_id = %s", follower.openid) == []


def test_an_old_message_is_not_taken_again(follower: Follower) -> None:
    xml = follower.document(MsgType="text", Content="我欠多少税", MsgId="1")
    assert follower.post(xml, at=time.time() - 3600).status_code == 403


def test_in_the_safe_mode_plain_messages_are_refused(safe: Client) -> None:
    plain = Follower(safe)
    xml = plain.document(MsgType="text", Content="我欠多少税", MsgId="1")
    assert plain.post(xml).status_code == 403
    assert plain.post(xml, encrypt_type="raw").status_code == 403
    assert plain.post(xml, encrypt_type="aes", msg_signature="0" * 40).status_code == 403


def test_a_bomb_and_a_flood_are_refused(follower: Follower) -> None:
    bomb = '<!DOCTYPE l [<!ENTITY a "ha">]><xml><Content>&a;</Content></xml>'
    assert follower.post(bomb).status_code == 400
    assert follower.post("<xml>").status_code == 400
    assert follower.post(document(Content="税" * 70_000)).status_code == 413
    assert follower.say("还在吗") == "答：还在吗"


# --- talking ------------------------------------------------------------------------------------------------------------


def test_a_message_is_answered_in_the_reply(follower: Follower, store: Store) -> None:
    assert follower.say("我欠多少税") == "答：我欠多少税"
    assert store.said(follower) == [("taxpayer", "我欠多少税"), ("bot", "答：我欠多少税")]
    assert store.rows(follower) == [("text", "sent")]


def test_so_is_an_encrypted_one(safe: Client) -> None:
    assert Follower(safe, aes=True).say("我欠多少税 😀") == "答：我欠多少税 😀"


def test_each_follower_has_a_conversation_of_their_own(client: Client, store: Store) -> None:
    one, other = Follower(client), Follower(client)
    one.say("一")
    one.say("二")
    other.say("三")
    assert [text for _, text in store.said(one)] == ["一", "答：一", "二", "答：二"]
    assert store.conversation(one) != store.conversation(other)


def test_numbers_are_taken_out_before_anybody_sees_them(
    follower: Follower, store: Store, rasa: RasaTwin
) -> None:
    who = by_key("overdue_company")
    follower.say(f"我的税号是{who.identifier}")
    assert who.identifier not in str(store.said(follower))
    assert rasa.heard[-1] == "我的税号是〔信用代码#1〕"


def test_commands_are_words(follower: Follower, rasa: RasaTwin) -> None:
    follower.say("/restart")
    assert rasa.heard[-1] == "／restart"


def test_amounts_without_a_source_are_held_back(follower: Follower, rasa: RasaTwin) -> None:
    rasa.answers["编一个"] = [{"text": "您欠税99999.00元。"}]
    assert "99999" not in (follower.say("编一个") or "")


def test_a_repeated_message_is_answered_once_and_gets_the_same_reply(
    follower: Follower, store: Store, rasa: RasaTwin
) -> None:
    number, before = new_id(), len(rasa.heard)
    assert [follower.say("怎么缴税", number) for _ in range(3)] == ["答：怎么缴税"] * 3
    assert len(rasa.heard) == before + 1
    assert len(store.said(follower)) == 2 and store.rows(follower) == [("text", "sent")]


def test_too_long_and_empty_messages_are_explained_and_not_stored(follower: Follower, store: Store) -> None:
    follower.say("你好")
    assert "太长" in (follower.say("税" * 3000) or "")
    assert "空的" in (follower.say("  ") or "")
    assert len(store.said(follower)) == 2


def test_who_writes_too_fast_is_asked_to_wait(gateway: Gateway) -> None:
    follower = Follower(gateway(**ACCOUNT, rate_messages_per_minute=1))
    assert "快" in [follower.say(str(n)) or "" for n in range(10, 20)][-1]


def test_voice_is_taken_as_it_was_recognised(follower: Follower) -> None:
    said = follower.send(MsgType="voice", MsgId=str(new_id()), MediaId="m", Recognition="我要缴税。")
    assert said == "答：我要缴税。"


@pytest.mark.parametrize("kind", ["image", "voice", "video", "location"])
def test_other_things_are_answered_kindly(follower: Follower, kind: str, rasa: RasaTwin) -> None:
    before = len(rasa.heard)
    assert "看得懂文字" in (follower.send(MsgType=kind, MsgId=str(new_id()), MediaId="m") or "")
    assert len(rasa.heard) == before


def test_buttons_are_picked_by_number(follower: Follower, rasa: RasaTwin, store: Store) -> None:
    rasa.answers["怎么办"] = [
        {
            "text": "可以这样：",
            "buttons": [
                {"title": "怎么缴", "payload": "怎么缴税"},
                {"title": "延期", "payload": "我想申请延期缴纳"},
            ],
        },
        {"text": "还可以：", "buttons": [{"title": "找人", "payload": "转人工"}]},
    ]
    assert follower.say("怎么办") == (
        "可以这样：\n回复数字选择：\n1 怎么缴\n2 延期\n\n还可以：\n回复数字选择：\n3 找人"
    )
    assert follower.say("２") == "答：我想申请延期缴纳"
    assert follower.say("2") == "答：2", "the offer was for the next word only"
    follower.say("怎么办")
    number = new_id()
    assert [follower.say("3", number), follower.say("3", number)] == ["答：转人工"] * 2
    follower.say("怎么办")
    assert follower.say("4") == "答：4"
    assert ("taxpayer", "我想申请延期缴纳") in store.said(follower)


def test_a_menu_entry_says_its_words_once(follower: Follower, rasa: RasaTwin) -> None:
    before = len(rasa.heard)
    for _ in range(2):
        assert follower.event("CLICK", created=1_795_400_000, EventKey="办税日历") == "答：办税日历"
    assert len(rasa.heard) == before + 1


def test_other_events_are_taken_without_a_word(follower: Follower) -> None:
    assert follower.event("VIEW", EventKey="https://example.gov.cn/") is None
    assert follower.send(MsgType="unheard_of", MsgId="3") is None


def test_a_new_follower_is_greeted_once_and_may_pick(follower: Follower, store: Store) -> None:
    hello = follower.event("subscribe", created=1_795_400_000)
    assert hello and "回复数字选择" in hello
    assert follower.event("subscribe", created=1_795_400_000) == hello
    assert len(store.said(follower)) == 1
    assert (follower.say("1") or "").startswith("答：") and follower.say("1") == "答：1"


def test_who_leaves_is_remembered_and_welcome_back(follower: Follower, store: Store) -> None:
    follower.say("你好")
    store.proven(follower, "overdue_company")
    follower.say("再见")
    assert follower.event("unsubscribe") is None
    assert store.user(follower)[:2] == (False, store.taxpayer("overdue_company"))
    follower.event("subscribe")
    assert store.user(follower)[0] is True


# --- later than the reply ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("soon")
async def test_however_the_answers_of_a_slow_bot_get_there_each_comes_once(
    follower: Follower, store: Store, rasa: RasaTwin, sender: WechatSender, twin: WechatTwin
) -> None:
    rasa.hold.clear()
    number = new_id()
    assert [follower.say("慢慢想", number), follower.say("慢慢想", number)] == [None, None]
    rasa.hold.set()
    reply = follower.say("下一句")
    wait_for_answers(store, follower, 2)
    store.aged(follower)
    for _ in range(2):
        await sender.step()
    got = "\n\n".join([*([reply] if reply else []), *twin.texts_to(follower.openid)])
    assert got == "答：慢慢想\n\n答：下一句"


@pytest.mark.usefixtures("soon")
async def test_an_answer_after_the_reply_is_sent_once(
    follower: Follower, store: Store, rasa: RasaTwin, sender: WechatSender, twin: WechatTwin
) -> None:
    rasa.hold.clear()
    assert follower.say("慢慢想") is None
    await sender.step()
    assert twin.texts_to(follower.openid) == []
    rasa.hold.set()
    wait_for_answers(store, follower, 1)
    store.aged(follower)
    for _ in range(2):
        await sender.step()
    assert twin.texts_to(follower.openid) == ["答：慢慢想"]
    assert store.rows(follower) == [("text", "sent")]


@pytest.mark.usefixtures("soon")
def test_the_notice_that_it_takes_longer_is_the_reply(
    follower: Follower, store: Store, rasa: RasaTwin
) -> None:
    follower.say("你好")
    rasa.hold.clear()
    store.put(follower, "system", "稍等，系统有点慢。")
    assert follower.say("慢慢想") == "稍等，系统有点慢。"


async def test_an_agents_words_reach_wechat(
    follower: Follower, store: Store, sender: WechatSender, twin: WechatTwin, rasa: RasaTwin
) -> None:
    follower.say("转人工")
    store.taken_by_agent(follower)
    before = len(rasa.heard)
    assert follower.say("在吗") is None
    assert follower.say("1") is None and len(rasa.heard) == before
    store.put(follower, "agent", "您好，我来帮您看。", by="小陈")
    store.aged(follower)
    await sender.step()
    assert twin.texts_to(follower.openid) == ["【小陈】您好，我来帮您看。"]


def test_an_agent_sees_that_a_picture_came(follower: Follower, store: Store) -> None:
    follower.say("转人工")
    store.taken_by_agent(follower)
    follower.send(MsgType="image", MsgId=str(new_id()), MediaId="m")
    assert store.said(follower)[-1] == ("taxpayer", "〔发来图片，微信里没有收下〕")


def test_an_agents_words_may_come_in_the_reply_to_the_next_message(follower: Follower, store: Store) -> None:
    follower.say("转人工")
    store.put(follower, "agent", "您好", by="小陈")
    assert follower.say("在吗") == "【小陈】您好\n\n答：在吗"


async def test_a_long_answer_comes_in_pieces(
    follower: Follower, store: Store, rasa: RasaTwin, sender: WechatSender, twin: WechatTwin
) -> None:
    rasa.answers["讲讲"] = [{"text": "这一段很长。" * 200}]
    assert follower.say("讲讲") is None
    store.aged(follower)
    await sender.step()
    assert "".join(twin.texts_to(follower.openid)) == "这一段很长。" * 200


def test_a_talk_with_a_human_is_rated_by_number(follower: Follower, store: Store) -> None:
    follower.say("转人工")
    store.taken_by_agent(follower)
    conversation = store.conversation(follower)
    store.all(
        "insert into handoff_ticket (id, number, conversation_id, reason, skill, priority, status, agent_id, channel,"
        " summary, trigger_text, claimed_at, closed_at)"
        " select gen_random_uuid(), %s, id, 'asked', 'general', 3, 'closed', agent_id, 'wechat', '', '', now(), now()"
        " from conversation where id = %s",
        f"RG{follower.openid[:10]}",
        conversation,
    )
    ((ticket,),) = store.all("select id from handoff_ticket where conversation_id = %s", conversation)
    store.all("update conversation set owner = 'closed', agent_id = null where id = %s", conversation)
    store.put(follower, "system", "请打分", custom={"kind": "survey", "ticket": str(ticket)})
    assert "谢谢" in (follower.say("5") or "")
    assert store.all("select score from survey where ticket_id = %s", ticket) == [(5,)]


# --- who they are, and reminders -------------------------------------------------------------------------------------------


async def test_a_proof_binds_the_follower_and_its_end_sets_them_free(
    follower: Follower, store: Store, sender: WechatSender
) -> None:
    follower.say("你好")
    assert store.user(follower)[1] is None
    store.proven(follower, "overdue_company")
    follower.say("我欠多少税")
    assert store.user(follower)[1] == store.taxpayer("overdue_company")
    store.proven(follower, None)
    follower.say("我不是这家公司的")
    assert store.user(follower)[1] is None


@pytest.mark.parametrize(("status", "state"), [("success", "delivered"), ("failed:user block", "failed")])
async def test_a_reminder_goes_as_a_template_and_wechat_reports(
    follower: Follower,
    store: Store,
    sender: WechatSender,
    sessions: SessionFactory,
    twin: WechatTwin,
    status: str,
    state: str,
) -> None:
    follower.say("你好")
    store.proven(follower, "two_bills")
    follower.say("我欠多少税")
    async with sessions() as session, session.begin():
        notice = Notice("您有税款将到期", "有一条办税提醒，可拨12366核实")
        assert await queue_template(session, CIPHER, store.taxpayer("two_bills"), notice) is Receipt.QUEUED
    await sender.step()
    (sent,) = twin.templates_to(follower.openid)
    assert sent["data"] == {"thing1": {"value": notice.about}}
    assert store.rows(follower)[-1] == ("template", "sent")
    assert follower.event("TEMPLATESENDJOBFINISH", MsgID=str(sent["msgid"]), Status=status) is None
    assert store.rows(follower)[-1] == ("template", state)
    follower.event("unsubscribe")


async def test_a_token_that_runs_out_costs_nobody_a_message(
    follower: Follower, store: Store, sender: WechatSender, twin: WechatTwin
) -> None:
    follower.say("你好")
    store.put(follower, "agent", "一", by="小陈")
    store.aged(follower)
    await sender.step()
    twin.expire_token()
    store.put(follower, "agent", "二", by="小陈")
    await sender.step()
    assert twin.texts_to(follower.openid) == ["【小陈】一", "【小陈】二"]


async def test_the_end_of_48_hours_keeps_words_for_the_next_message(
    follower: Follower, store: Store, sender: WechatSender, twin: WechatTwin
) -> None:
    follower.say("你好")
    store.put(follower, "system", "审批有结果了")
    store.aged(follower)
    twin.errors[CUSTOM_SEND] = [45015]
    await sender.step()
    assert store.user(follower)[2] is False
    assert twin.texts_to(follower.openid) == []
    follower.say("在吗")
    store.aged(follower)
    await sender.step()
    assert twin.texts_to(follower.openid) == ["审批有结果了"]


def wait_for_answers(store: Store, follower: Follower, many: int) -> None:
    wait_until(lambda: [sender for sender, _ in store.said(follower)].count("bot") >= many, 20, "the answers")
