"""A database for a command: the one of the settings, or the embedded server, left as it was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from store import embedded, migrate
from store.databases import ensure_databases, plain_url


@contextmanager
def database(database_url: str | None, data_dir: Path) -> Iterator[str]:
    """URL of a database at the newest revision.

    With no ``database_url`` the embedded server is used; if it had to be started, it is stopped at the end, unless
    somebody else has come to use it meanwhile.

    Raises:
        EmbeddedServerError, DatabaseSetupError, psycopg.OperationalError: there is no database to be had.
    """
    if database_url:
        url = plain_url(database_url)
        ensure_databases(url)
        migrate.upgrade(url)
        yield url
        return
    found_running = embedded.is_running(data_dir)
    url = embedded.start(data_dir).url
    try:
        migrate.upgrade(url)
        yield url
    finally:
        if not found_running and not _others(url):
            embedded.stop(data_dir)


def _others(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
        ).fetchone()
    return bool(row and row[0])
