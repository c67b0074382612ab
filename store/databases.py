"""Which databases the product uses on a server, and creating the ones that are missing."""

from __future__ import annotations

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

RASA_SUFFIX = "_rasa"


class DatabaseSetupError(RuntimeError):
    """A database is missing and cannot be created; the text (Chinese) says what to do."""


def plain_url(url: str) -> str:
    """``url`` as libpq reads it: ``postgresql://…`` without a driver's name.

    Raises:
        ValueError: it is not a PostgreSQL URL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError(
            "DATABASE_URL 必须是 PostgreSQL 地址，例如 postgresql://user:password@host:5432/shuiling。"
        )
    return _render(parsed.set(drivername="postgresql"))


def with_database(url: str, name: str) -> str:
    """``url`` pointed at another database of the same server."""
    return _render(make_url(plain_url(url)).set(database=name))


def rasa_url(url: str) -> str:
    """URL of the sibling database that holds Rasa's tracker store (``<name>_rasa``)."""
    return with_database(url, database_name(url) + RASA_SUFFIX)


def database_name(url: str) -> str:
    """The database ``url`` names.

    Raises:
        ValueError: it names none.
    """
    name = make_url(url).database
    if not name:
        raise ValueError("DATABASE_URL 里缺少数据库名，例如 postgresql://user:password@host:5432/shuiling。")
    return name


def ensure_databases(url: str) -> None:
    """Create our database and Rasa's where missing.

    Raises:
        DatabaseSetupError: one is missing and this user may not create it.
        psycopg.OperationalError: the server cannot be reached.
    """
    ours = plain_url(url)
    for target in (ours, rasa_url(ours)):
        try:
            psycopg.connect(target, connect_timeout=10).close()
        except psycopg.OperationalError as error:
            _create_if_missing(ours, database_name(target), error)


def _create_if_missing(url: str, name: str, unreachable: psycopg.OperationalError) -> None:
    """Create ``name`` through whichever database lets us in; when it is there after all, ``unreachable`` stands."""
    for via in dict.fromkeys(("postgres", "template1", database_name(url))):
        try:
            connection = psycopg.connect(with_database(url, via), connect_timeout=10, autocommit=True)
        except psycopg.OperationalError:
            continue
        with connection:
            if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                raise unreachable
            try:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                return
            except psycopg.errors.InsufficientPrivilege as error:
                raise DatabaseSetupError(
                    f"数据库 {name} 不存在，当前用户也无权创建。请让管理员执行：CREATE DATABASE {name};"
                ) from error
        return
    raise unreachable


def _render(url: URL) -> str:
    return url.render_as_string(hide_password=False)
