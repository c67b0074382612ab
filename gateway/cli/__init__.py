"""The command line ``shuiling``: one module a command, each with ``register(app)``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.settings import Settings


def load_settings() -> Settings:
    """The settings of the environment and ``.env``; wrong ones are explained (exit code 2)."""
    from pydantic import ValidationError

    from gateway.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        print("设置有误：", file=sys.stderr)
        for problem in error.errors(include_url=False, include_input=False):
            where = ".".join(str(part) for part in problem["loc"])
            name = (
                ""
                if not where
                else f"SHUILING_{where.upper()}："
                if where != "DATABASE_URL"
                else f"{where}："
            )
            print(f"  {name}{problem['msg'].removeprefix('Value error, ')}", file=sys.stderr)
        raise SystemExit(2) from None
