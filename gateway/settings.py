"""All settings, from the environment (``SHUILING_*``) or ``.env``; nothing else reads the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_SECRET = "shuiling-development-only"  # noqa: S105
_AES_KEY = re.compile(r"[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, slots=True)
class WechatAccount:
    """An Official Account; ``template_fields`` by their names in the template."""

    app_id: str
    app_secret: str = field(repr=False)
    token: str = field(repr=False)
    aes_key: str | None = field(default=None, repr=False)
    template_id: str | None = None
    template_fields: Mapping[str, str] = field(default_factory=dict)
    api_base: str = "https://api.weixin.qq.com"


class Settings(BaseSettings):
    """One frozen object, built once by the entry point and handed down.

    In ``production`` every secret must be set and none may be the development default.
    """

    model_config = SettingsConfigDict(
        env_prefix="SHUILING_", env_file=ROOT / ".env", extra="ignore", frozen=True
    )

    env: Literal["development", "test", "production"] = "development"
    data_dir: Path = ROOT / "var"
    models_dir: Path = ROOT / "models"
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    """PostgreSQL URL (``postgresql://…``); unset means the embedded server under ``data_dir``."""

    host: str = "127.0.0.1"
    port: int = 8000
    public_origin: str | None = None
    """Origin pages may embed the widget from, e.g. ``https://tax.example.gov.cn``; unset allows same origin."""
    rasa_port: int = 5005
    internal_token: SecretStr = SecretStr(DEFAULT_SECRET)
    """Shared by the gateway and Rasa on the loopback; Rasa's action calls carry it."""

    field_keys: SecretStr = SecretStr(f"1:{DEFAULT_SECRET}")
    """Encryption keys of stored identity numbers, ``id:secret`` separated by commas; the first one writes."""
    lookup_key: SecretStr = SecretStr(DEFAULT_SECRET)
    """Key of the look-up hashes; changing it needs ``shuiling rekey``."""
    session_key: SecretStr = SecretStr(DEFAULT_SECRET)
    """Signs the links to printable applications and recordings, and the tokens of media streams."""

    rest_token: SecretStr | None = None
    """Token of servers that use the REST channel; without one it answers on the loopback only."""

    today: date | None = None
    """A fixed day for tests and demonstrations; unset means the real day in Asia/Shanghai."""
    demo: bool = True
    """Fill an empty store with fictional taxpayers and show the SMS outbox page."""
    log_level: str = "INFO"

    console: bool = True
    """Whether agents and officers log in here; one gateway in a process can have it."""

    telephone: bool = True
    """Whether this gateway makes calls."""
    bureau: str = "税务局"
    """In whose name we call, as it is said: ``成都市武侯区税务局``."""
    carrier: Literal["browser", "standin", "twilio"] = "browser"
    """Who carries calls that name no carrier themselves."""
    voice_origin: str | None = None
    """Origin at which the carrier reaches us, ``https://voice.example.gov.cn``; unset, the gateway's own on this machine."""
    twilio_account_sid: str | None = None
    twilio_auth_token: SecretStr | None = None
    twilio_from: str | None = None
    """Our number in E.164."""
    twilio_sms_from: str | None = None
    """The number or messaging service (``MG…``) that texts come from; unset, ``twilio_from``."""
    twilio_api_base: str | None = None
    """Another host that speaks Twilio's REST."""
    standin_port: int = 8005
    """Port of the stand-in carrier on this machine."""
    operator_token: SecretStr | None = None
    """Opens the browser phone and the recordings where the demonstration is off."""
    mandarin_model: Path | None = None
    """Folder of another Vosk model for Mandarin, such as one that ``shuiling models fetch`` has got."""
    voice_workers: int = 1
    """Processes that render speech; two where many calls run at once."""
    call_lines: int = Field(default=16, ge=1, le=500)
    """How many calls at once this gateway talks in; campaigns never have more under way than all gateways can take."""
    dial_a_second: float = Field(default=1.0, gt=0, le=100)
    """How many calls a second the carrier lets us begin."""
    dial_lines: int = Field(default=60, ge=1, le=5000)
    """How many calls at once the carrier lets us have."""
    sms_a_second: float = Field(default=1.0, gt=0, le=100)
    """How many text messages a second the carrier takes."""
    worker: bool = True
    """Whether ``serve`` also carries out campaigns; further machines run ``shuiling worker``."""
    call_ring_s: int = 30
    call_limit_s: int = 600
    call_wait_s: int = 300
    """How long a caller waits in line for a human before a call back is booked instead."""
    recording_days: int = 180
    """How long recordings are kept."""

    thread_pkcs12: Path | None = None
    """The bureau's key and certificate that sign exported threads; unset, one is made under ``data_dir``."""
    thread_pkcs12_passphrase: SecretStr | None = None

    wechat_app_id: str | None = None
    """The Official Account, with its secret and the token that signs what WeChat's servers post to ``/wechat``."""
    wechat_app_secret: SecretStr | None = None
    wechat_token: SecretStr | None = None
    wechat_aes_key: SecretStr | None = None
    """EncodingAESKey of the safe mode; with it nothing unencrypted is taken."""
    wechat_template_id: str | None = None
    """The template of reminders; unset, reminders do not go by WeChat."""
    wechat_template_fields: Mapping[str, str] = {
        "thing1": "您有一条税务提醒待查看",
        "thing2": "可拨12366核实，或自行登录电子税务局",
    }
    """What its fields say; ``{about}`` stands for the words of the reminder."""
    wechat_api_base: str = "https://api.weixin.qq.com"

    verification_minutes: int = 30
    code_minutes: int = 5
    max_message_chars: int = 2000
    upload_max_bytes: int = 10 * 1024 * 1024
    upload_folder_max_bytes: int = 2 * 1024 * 1024 * 1024
    rate_messages_per_minute: int = 40
    rate_sessions_per_minute: int = 30
    rasa_timeout_s: float = 15.0
    rasa_patience_s: float = 45.0
    """How long a message waits for a dead Rasa (with honest notices) before a human is called."""

    @model_validator(mode="after")
    def _refuse_default_secrets(self) -> Settings:
        if self.env != "production":
            return self
        secrets = {
            "SHUILING_INTERNAL_TOKEN": self.internal_token,
            "SHUILING_FIELD_KEYS": self.field_keys,
            "SHUILING_LOOKUP_KEY": self.lookup_key,
            "SHUILING_SESSION_KEY": self.session_key,
        }
        weak = [
            name
            for name, secret in secrets.items()
            if DEFAULT_SECRET in secret.get_secret_value() or len(secret.get_secret_value()) < 16
        ]
        if weak:
            raise ValueError(
                f"生产环境必须设置自己的密钥（至少 16 个字符）：{', '.join(weak)}。可用 openssl rand -hex 32 生成。"
            )
        if self.today is not None:
            raise ValueError("生产环境不能固定日期：请去掉 SHUILING_TODAY，否则期限和滞纳金都会算错。")
        if self.demo:
            raise ValueError("生产环境请设置 SHUILING_DEMO=false：演示数据和短信收件箱页面不能对外开放。")
        return self

    @model_validator(mode="after")
    def _whole_wechat_account(self) -> Settings:
        given = [self.wechat_app_id, self.wechat_app_secret, self.wechat_token]
        if any(given) and not all(given):
            raise ValueError(
                "微信公众号的 SHUILING_WECHAT_APP_ID、SHUILING_WECHAT_APP_SECRET、SHUILING_WECHAT_TOKEN 要一起设置。"
            )
        if self.wechat_aes_key and not _AES_KEY.fullmatch(self.wechat_aes_key.get_secret_value()):
            raise ValueError("SHUILING_WECHAT_AES_KEY 应是公众平台给出的 43 个字符的 EncodingAESKey。")
        return self

    @cached_property
    def wechat(self) -> WechatAccount | None:
        """The Official Account, ``None`` where there is none."""
        if self.wechat_app_id is None or self.wechat_app_secret is None or self.wechat_token is None:
            return None
        return WechatAccount(
            app_id=self.wechat_app_id,
            app_secret=self.wechat_app_secret.get_secret_value(),
            token=self.wechat_token.get_secret_value(),
            aes_key=self.wechat_aes_key.get_secret_value() if self.wechat_aes_key else None,
            template_id=self.wechat_template_id,
            template_fields=self.wechat_template_fields,
            api_base=self.wechat_api_base,
        )

    @cached_property
    def rasa_url(self) -> str:
        """Rasa's address on the loopback."""
        return f"http://127.0.0.1:{self.rasa_port}"

    @property
    def recording_dir(self) -> Path:
        """Where recordings of calls lie, sealed."""
        return self.data_dir / "recordings"

    @property
    def upload_dir(self) -> Path:
        """Where materials lie, one file per content hash."""
        return self.data_dir / "uploads"
