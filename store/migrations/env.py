"""Alembic's entry: uses the connection it is handed, or ``alembic -x url=postgresql://…`` on the command line."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine

from store.engine import sqlalchemy_url
from store.migrate import ours
from store.models import Base


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        include_name=ours,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    """Run what the command asked for."""
    given = context.config.attributes.get("connection")
    if given is not None:
        _run(given)
        return
    url = context.get_x_argument(as_dictionary=True).get("url")
    if not url:
        raise SystemExit("请写明数据库：alembic -x url=postgresql://… 命令")
    with create_engine(sqlalchemy_url(url)).begin() as connection:
        _run(connection)


main()
