"""Who may use the pages for operators: the browser phone and the recordings."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from fastapi import HTTPException
from pydantic import SecretStr
from starlette.requests import HTTPConnection

REFUSED = "没有权限：请输入操作口令（SHUILING_OPERATOR_TOKEN）。"


@dataclass(frozen=True, slots=True)
class OperatorAccess:
    """In the demonstration everybody; else who knows the operators' token, and nobody while none is set."""

    demo: bool
    token: SecretStr | None

    @property
    def exists(self) -> bool:
        """Whether anybody at all may."""
        return self.demo or self.token is not None

    def allows(self, presented: str | None) -> bool:
        """Whether who presents this token may."""
        if self.demo:
            return True
        if self.token is None or not presented:
            return False
        return hmac.compare_digest(presented.encode(), self.token.get_secret_value().encode())

    def require(self, authorization: str | None) -> None:
        """Let who sends ``Authorization: Bearer <token>`` pass. Raises 404 where the page does not exist, else 401."""
        if not self.exists:
            raise HTTPException(404)
        scheme, _, token = (authorization or "").partition(" ")
        if not self.allows(token.strip() if scheme.lower() == "bearer" else None):
            raise HTTPException(401, REFUSED)


def same_origin(connection: HTTPConnection, public_origin: str | None) -> bool:
    """Whether a socket is opened by one of our own pages, or by a program, which names no origin."""
    origin = connection.headers.get("origin")
    if origin is None or (public_origin is not None and origin == public_origin):
        return True
    return origin.partition("://")[2] == connection.headers.get("host")
