"""Migrations: explicit, complete, safe to race."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine

from store import migrate
from store.databases import with_database
from store.embedded import EmbeddedServer
from store.engine import sqlalchemy_url
from store.models import Base

pytestmark = pytest.mark.unit

_SHAPE = """
select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  from pg_constraint where connamespace = 'public'::regnamespace
union all
select 'index', indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid)
  from pg_index join pg_class on pg_class.oid = indexrelid where relnamespace = 'public'::regnamespace
union all
select 'column', attrelid::regclass::text, attname,
       concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity, pg_get_expr(adbin, adrelid))
  from pg_attribute join pg_class on pg_class.oid = attrelid
  left join pg_attrdef on adrelid = attrelid and adnum = attnum
 where relnamespace = 'public'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
"""


def empty_database(server: EmbeddedServer, name: str) -> str:
    with psycopg.connect(with_database(server.url, "postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return with_database(server.url, name)


def shape(url: str) -> set[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(_SHAPE).fetchall()
    return {row for row in rows if row[1] != "alembic_version" and not row[1].startswith("procrastinate_")}


def test_the_migrated_database_is_what_the_models_say(server: EmbeddedServer, url: str) -> None:
    assert migrate.differences(url) == []
    by_models = empty_database(server, "by_models")
    engine = create_engine(sqlalchemy_url(by_models))
    Base.metadata.create_all(engine)
    engine.dispose()
    assert shape(url) ^ shape(by_models) == set()


def test_a_difference_would_be_noticed(fresh_database: Callable[[], str]) -> None:
    url = fresh_database()
    with psycopg.connect(url) as connection:
        connection.execute("alter table bill drop column authority_fault")
        connection.execute("create table somebody_elses (id int)")
    found = migrate.differences(url)
    assert len(found) == 1
    assert "authority_fault" in str(found)


def test_upgrading_twice_and_at_once(server: EmbeddedServer) -> None:
    url = empty_database(server, "raced")
    assert migrate.current(url) is None
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(migrate.upgrade, [url, url])
    migrate.upgrade(url)
    assert migrate.current(url) == migrate.head()


def test_the_first_revision_creates_its_tables_itself() -> None:
    for path in (Path(migrate.FOLDER) / "versions").glob("*.py"):
        assert "metadata.create_all" not in path.read_text()
        assert "store.models" not in path.read_text()


def test_a_failed_revision_leaves_nothing_behind(server: EmbeddedServer) -> None:
    url = empty_database(server, "blocked")
    with psycopg.connect(url) as connection:
        connection.execute("create table verification (id int)")
    with pytest.raises(Exception, match="verification"):
        migrate.upgrade(url)
    assert migrate.current(url) is None
    assert {row[1] for row in shape(url)} == {"verification"}
