"""Bringing a database to the newest revision, from code."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from store.engine import sqlalchemy_url
from store.locks import Lock, take
from store.models import Base

FOLDER = Path(__file__).parent / "migrations"


def upgrade(url: str) -> None:
    """Upgrade to the newest revision, in one transaction; a second starter waits and then finds nothing to do."""
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(take(Lock.MIGRATE))
        command.upgrade(_config(connection), "head")


def current(url: str) -> str | None:
    """The revision the database stands at, ``None`` when it was never migrated."""
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The newest revision this code knows."""
    revision = ScriptDirectory(str(FOLDER)).get_current_head()
    if revision is None:
        raise RuntimeError(f"no migrations in {FOLDER}")
    return revision


def differences(url: str) -> list[object]:
    """What a migration would still have to change to match the models; empty when nothing."""
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "include_name": ours}
        )
        return list(compare_metadata(context, Base.metadata))


def ours(name: str | None, kind: str, _parents: object) -> bool:
    """Alembic's filter: tables of other tenants of the database (the job queue's) are none of our business."""
    return kind != "table" or name in Base.metadata.tables


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
