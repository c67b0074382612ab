"""The client of WeChat's REST: token, messages, and what its errors mean."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from gateway.settings import Settings, WechatAccount
from gateway.wechat import WechatClient, template_data, wechat_carrier
from outreach.ports import MessageRefused, MessageUnsure, WechatClosed, WechatGone
from tests.support.stack import free_port
from tests.support.wechat import APP_ID, APP_SECRET, CUSTOM_SEND, TEMPLATE, TEMPLATE_SEND, TOKEN, WechatTwin

pytestmark = pytest.mark.unit

ABOUT = "税务局有一条办税提醒"


@pytest.fixture
def twin() -> Iterator[WechatTwin]:
    with WechatTwin() as running:
        yield running


def account(base: str, *, secret: str = APP_SECRET, template: str | None = TEMPLATE) -> WechatAccount:
    return WechatAccount(
        app_id=APP_ID,
        app_secret=secret,
        token=TOKEN,
        template_id=template,
        template_fields={"thing1": "{about}", "thing2": "请自行登录电子税务局查看"},
        api_base=base,
    )


@pytest_asyncio.fixture
async def client(twin: WechatTwin) -> AsyncIterator[WechatClient]:
    made = WechatClient(account(twin.base))
    yield made
    await made.aclose()


async def test_a_text_is_sent_with_one_token_for_all(client: WechatClient, twin: WechatTwin) -> None:
    await client.text("o1", "您好，税款已到账")
    await client.text("o2", "第二条")
    assert twin.texts == [("o1", "您好，税款已到账"), ("o2", "第二条")]
    assert twin.tokens_given == 1


async def test_a_template_names_nothing_and_links_nowhere(client: WechatClient, twin: WechatTwin) -> None:
    number = await client.template("o1", ABOUT, 5)
    (sent,) = twin.templates
    assert number == str(sent["msgid"])
    assert sent["data"] == {"thing1": {"value": ABOUT}, "thing2": {"value": "请自行登录电子税务局查看"}}
    assert "url" not in sent and "miniprogram" not in sent


async def test_the_same_outbox_row_is_one_template(client: WechatClient, twin: WechatTwin) -> None:
    assert await client.template("o1", ABOUT, 6) == await client.template("o1", ABOUT, 6)
    assert len(twin.templates) == 1


@pytest.mark.parametrize(("told", "forced"), [(True, 0), (False, 1)])
async def test_a_token_that_is_no_longer_taken_is_renewed(
    client: WechatClient, twin: WechatTwin, told: bool, forced: int
) -> None:
    await client.text("o1", "一")
    twin.expire_token(told=told)
    await client.text("o1", "二")
    assert twin.texts_to("o1") == ["一", "二"]
    assert twin.forced == forced


@pytest.mark.parametrize("code", [40001, 42001])
async def test_a_token_refused_twice_is_no_reason_to_give_up(
    client: WechatClient, twin: WechatTwin, code: int
) -> None:
    twin.errors[CUSTOM_SEND] = [code, code]
    with pytest.raises(MessageRefused) as refused:
        await client.text("o1", "一")
    assert not refused.value.for_good


@pytest.mark.parametrize(
    ("code", "kind", "for_good"),
    [
        (45015, WechatClosed, True),
        (45047, WechatClosed, True),
        (43004, WechatGone, True),
        (45009, MessageRefused, False),
        (45011, MessageRefused, False),
        (-1, MessageRefused, False),
        (40003, MessageRefused, True),
        (40037, MessageRefused, True),
        (48001, MessageRefused, True),
    ],
)
async def test_what_errors_mean(
    client: WechatClient, twin: WechatTwin, code: int, kind: type[MessageRefused], for_good: bool
) -> None:
    twin.errors[TEMPLATE_SEND] = [code]
    with pytest.raises(MessageRefused) as refused:
        await client.template("o1", ABOUT, 7)
    assert type(refused.value) is kind
    assert refused.value.for_good is for_good
    assert twin.templates == []


async def test_an_answer_that_is_lost_leaves_it_open(client: WechatClient, twin: WechatTwin) -> None:
    twin.dropped = 1
    with pytest.raises(MessageUnsure):
        await client.text("o1", "到了吗")
    assert twin.texts_to("o1") == ["到了吗"]


async def test_nobody_there_is_no_doubt() -> None:
    lonely = WechatClient(account(f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(MessageRefused) as refused:
        await lonely.text("o1", "一")
    assert not refused.value.for_good
    await lonely.aclose()


async def test_a_wrong_secret_is_tried_again_once_it_may_be_mended(twin: WechatTwin) -> None:
    wrong = WechatClient(account(twin.base, secret="wrong"))
    with pytest.raises(MessageRefused) as refused:
        await wrong.text("o1", "一")
    assert not refused.value.for_good and "wrong" not in str(refused.value)
    await wrong.aclose()


async def test_without_a_template_reminders_do_not_go(twin: WechatTwin) -> None:
    bare = WechatClient(account(twin.base, template=None))
    with pytest.raises(MessageRefused) as refused:
        await bare.template("o1", ABOUT, 8)
    assert refused.value.for_good
    await bare.aclose()


def test_a_thing_is_cut_to_what_wechat_takes() -> None:
    data = template_data({"thing1": "{about}", "keyword1": "{about}"}, "长" * 30)
    assert data == {"thing1": {"value": "长" * 19 + "…"}, "keyword1": {"value": "长" * 30}}


def test_the_fields_of_the_settings_fit_and_name_no_debt() -> None:
    fields = Settings(_env_file=None).wechat_template_fields
    assert all(len(words) <= 20 and "欠" not in words for words in fields.values())
    assert "12366" in "".join(fields.values())


def test_without_an_account_there_is_no_carrier() -> None:
    assert wechat_carrier(Settings(_env_file=None)) is None


@pytest.mark.parametrize(
    "given",
    [
        {"wechat_app_id": APP_ID},
        {"wechat_app_id": APP_ID, "wechat_token": TOKEN},
        {"wechat_app_id": APP_ID, "wechat_app_secret": "s", "wechat_token": "t", "wechat_aes_key": "zu-kurz"},
    ],
)
def test_half_an_account_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="SHUILING_WECHAT"):
        Settings(_env_file=None, **given)
