"""WeChat's envelope and documents: what is taken, and what is not."""

from __future__ import annotations

import pytest
import xmltodict
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.crypto import WeChatCrypto

from chat.wechat.envelope import FRESH_S, Envelope, Forged
from chat.wechat.fields import Malformed, fields
from chat.wechat.incoming import Ends, Followed, Left, Reported, Unreadable, Words, heard
from chat.wechat.reply import text_reply
from tests.support.wechat import AES_KEY, APP_ID, TOKEN, document, signed

pytestmark = pytest.mark.unit

NOW = 1_795_400_000.0
ENDS = Ends("oABC", "gh_1")
PLAIN = Envelope(APP_ID, TOKEN)
SAFE = Envelope(APP_ID, TOKEN, AES_KEY)
TEXT = {
    "FromUserName": "oABC",
    "ToUserName": "gh_1",
    "MsgType": "text",
    "Content": "我欠多少税",
    "MsgId": "17",
}


def query(at: float = NOW, token: str = TOKEN) -> dict[str, str]:
    stamp = str(int(at))
    return {"timestamp": stamp, "nonce": "n1", "signature": signed(token, stamp, "n1")}


def sealed(xml: str, app_id: str = APP_ID, key: str = AES_KEY) -> tuple[dict[str, str], bytes]:
    stamp = str(int(NOW))
    envelope = xmltodict.parse(WeChatCrypto(TOKEN, key, app_id).encrypt_message(xml, "n1", stamp))["xml"]
    asked = {**query(), "encrypt_type": "aes", "msg_signature": envelope["MsgSignature"]}
    return asked, document(ToUserName="gh_1", Encrypt=envelope["Encrypt"]).encode()


def test_a_signed_message_is_opened() -> None:
    assert PLAIN.open(query(), document(**TEXT).encode(), NOW) == TEXT


@pytest.mark.parametrize(
    "asked",
    [
        query(token="another-token"),
        {**query(), "nonce": "n2"},
        {**query(), "timestamp": str(int(NOW) + 1)},
        {},
        {**query(), "timestamp": "²"},
        {**query(), "timestamp": "-1"},
        {**query(), "signature": "税"},
        query(at=NOW - FRESH_S - 1),
        query(at=NOW + FRESH_S + 1),
    ],
)
def test_a_wrong_signature_and_a_stale_time_are_refused(asked: dict[str, str]) -> None:
    with pytest.raises(Forged):
        PLAIN.open(asked, document(**TEXT).encode(), NOW)


def test_an_encrypted_message_is_opened() -> None:
    assert SAFE.open(*sealed(document(**TEXT)), NOW) == TEXT


def test_with_a_key_nothing_unencrypted_is_taken() -> None:
    with pytest.raises(Forged):
        SAFE.open(query(), document(**TEXT).encode(), NOW)


def test_an_encrypted_message_for_another_account_is_refused() -> None:
    with pytest.raises(Forged):
        SAFE.open(*sealed(document(**TEXT), app_id="wx-another"), NOW)


def test_a_changed_ciphertext_is_refused() -> None:
    asked, body = sealed(document(**TEXT))
    with pytest.raises(Forged):
        SAFE.open(asked, body.replace(b"<Encrypt><![CDATA[", b"<Encrypt><![CDATA[A"), NOW)


def test_what_another_key_has_sealed_is_malformed_and_no_crash() -> None:
    asked, body = sealed(document(**TEXT), key="Z" * 43)
    with pytest.raises((Malformed, Forged)):
        SAFE.open(asked, body, NOW)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), max_size=400))
def test_replies_arrive_as_they_were_written(text: str) -> None:
    envelope = xmltodict.parse(SAFE.seal(text_reply(ENDS, text, NOW), NOW))["xml"]
    opened = WeChatCrypto(TOKEN, AES_KEY, APP_ID).decrypt_message(
        envelope, envelope["MsgSignature"], envelope["TimeStamp"], envelope["Nonce"]
    )
    assert fields(opened.encode())["Content"] == text
    assert fields(PLAIN.seal(text_reply(ENDS, text, NOW), NOW).encode())["Content"] == text


def test_a_reply_is_no_way_to_write_elements() -> None:
    reply = text_reply(ENDS, "]]></Content><MsgType>news</MsgType>\x0b", NOW)
    assert fields(reply.encode())["Content"] == "]]></Content><MsgType>news</MsgType>"


@pytest.mark.parametrize(
    "xml",
    [
        '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><xml><Content>&b;</Content></xml>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml/>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><Content>&e;</Content></xml>',
        "<xml><Content>&nbsp;</Content></xml>",
        "<xml><Content>没写完",
        "",
        "不是 XML",
        "<a>" * 1000 + "</a>" * 1000,
    ],
)
def test_no_document_type_no_entity_nothing_broken(xml: str) -> None:
    with pytest.raises(Malformed):
        fields(xml.encode())


def test_words_that_look_like_a_document_type_are_words() -> None:
    assert fields(document(Content="<!DOCTYPE html> 是什么").encode())["Content"] == "<!DOCTYPE html> 是什么"


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(raw: bytes) -> None:
    try:
        fields(raw)
    except Malformed:
        pass


def told(**more: str) -> dict[str, str]:
    return {"FromUserName": "oABC", "ToUserName": "gh_1", "CreateTime": "1795400000", **more}


def test_what_is_heard() -> None:
    assert heard(TEXT) == Words(ENDS, "我欠多少税", "wx-17")
    voice = told(MsgType="voice", MsgId="18", Recognition="怎么缴税。")
    assert heard(voice) == Words(ENDS, "怎么缴税。", "wx-18")
    assert heard(told(MsgType="voice", MsgId="19")) == Unreadable(ENDS, "语音", "wx-19")
    assert heard(told(MsgType="image", MsgId="20")) == Unreadable(ENDS, "图片", "wx-20")
    assert heard(told(MsgType="event", Event="unsubscribe")) == Left(ENDS)
    assert isinstance(heard(told(MsgType="event", Event="subscribe", EventKey="qrscene_1")), Followed)
    assert heard(told(MsgType="event", Event="VIEW", EventKey="https://example.gov.cn")) is None
    menu = heard(told(MsgType="event", Event="CLICK", EventKey="怎么缴税"))
    assert isinstance(menu, Words) and menu.text == "怎么缴税"
    done = told(MsgType="event", Event="TEMPLATESENDJOBFINISH", MsgID="7", Status="success")
    assert heard(done) == Reported(ENDS, "7", "")
    assert heard({**done, "Status": "failed:user block"}) == Reported(ENDS, "7", "failed:user block")


def test_events_are_told_apart_by_who_when_and_what() -> None:
    first = told(MsgType="event", Event="CLICK", EventKey="怎么缴税")
    others = [
        {**first, "CreateTime": "1795400001"},
        {**first, "FromUserName": "oD"},
        {**first, "EventKey": "转人工"},
    ]
    keys = [words.key for each in (first, dict(first), *others) if isinstance(words := heard(each), Words)]
    assert keys[0] == keys[1] and len(set(keys)) == 4


@pytest.mark.parametrize(
    "wrong", [{"FromUserName": ""}, {"FromUserName": "o" * 65}, {"FromUserName": "o\nx"}, {"MsgId": ""}]
)
def test_a_message_without_sender_or_id_is_malformed(wrong: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        heard({**TEXT, **wrong})
