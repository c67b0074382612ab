"""The embedded server: idempotent, crash-proof, careful with paths."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from store import embedded
from store.databases import DatabaseSetupError, ensure_databases, plain_url, rasa_url, with_database
from store.embedded import EmbeddedServer, EmbeddedServerError

pytestmark = pytest.mark.unit


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    embedded.stop(folder)


def _postmaster(data_dir: Path) -> int:
    return int((data_dir / "pg" / "postmaster.pid").read_text().split("\n", 1)[0])


def _start(data_dir: str) -> str:
    return embedded.start(Path(data_dir)).url


def test_both_databases_answer_and_only_on_a_private_socket(server: EmbeddedServer) -> None:
    for url in (server.url, server.rasa_url):
        with psycopg.connect(url) as connection:
            row = connection.execute(
                "select current_setting('synchronous_commit'), current_setting('listen_addresses'),"
                " current_setting('max_connections'), current_setting('timezone'),"
                " (select rolsuper from pg_roles where rolname = current_user)"
            ).fetchone()
        assert row == ("on", "", "120", "Asia/Shanghai", False)
    assert server.socket_dir is not None
    assert server.socket_dir.stat().st_mode & 0o077 == 0


def test_start_twice_gives_the_same_server_and_stop_twice_is_quiet(data_dir: Path) -> None:
    first = embedded.start(data_dir)
    pid = _postmaster(data_dir)
    assert embedded.start(data_dir) == first
    assert _postmaster(data_dir) == pid
    assert embedded.is_running(data_dir)
    embedded.stop(data_dir)
    assert not embedded.is_running(data_dir)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(first.url)
    embedded.stop(data_dir)


def test_stop_without_a_server_makes_nothing(tmp_path: Path) -> None:
    embedded.stop(tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_two_starters_at_once_share_one_server(data_dir: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        urls = pool.map(_start, [str(data_dir)] * 2)
    assert urls[0] == urls[1]
    with psycopg.connect(urls[0]) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_survives_a_killed_server_and_keeps_what_was_committed(data_dir: Path) -> None:
    url = embedded.start(data_dir).url
    with psycopg.connect(url) as connection:
        connection.execute("create table kept as select 7 as n")
    os.kill(_postmaster(data_dir), signal.SIGKILL)
    url = embedded.start(data_dir).url
    with psycopg.connect(url) as connection:
        assert connection.execute("select n from kept").fetchone() == (7,)


def test_a_stale_pid_taken_over_by_another_process_does_not_block(data_dir: Path) -> None:
    embedded.start(data_dir)
    embedded.stop(data_dir)
    pgdata = data_dir / "pg"
    (pgdata / "postmaster.pid").write_text(f"{os.getpid()}\n{pgdata}\n1\n5432\n{pgdata}\n\n 1 1\nready   \n")
    assert not embedded.is_running(data_dir)
    with psycopg.connect(embedded.start(data_dir).url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_the_server_outlives_the_process_that_started_it(data_dir: Path) -> None:
    code = f"from pathlib import Path; from store import embedded; print(embedded.start(Path({str(data_dir)!r})).url)"
    url = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    ).stdout.strip()
    with psycopg.connect(url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_long_path_with_spaces_and_han_gets_a_short_private_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("很长 的 目录" + "x" * 90)
    try:
        server = embedded.start(folder)
        assert server.socket_dir is not None
        assert len(os.fsencode(server.socket_dir / ".s.PGSQL.5432")) <= 107
        assert server.socket_dir.stat().st_mode & 0o077 == 0
        with psycopg.connect(server.url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    finally:
        embedded.stop(folder)
    assert server.socket_dir is not None
    server.socket_dir.rmdir()


def test_a_half_made_or_foreign_cluster_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedServerError, match="PostgreSQL 15"):
        embedded.start(tmp_path)
    (tmp_path / "pg" / "PG_VERSION").rename(tmp_path / "pg" / "other")
    with pytest.raises(EmbeddedServerError, match="不是完整的数据库目录"):
        embedded.start(tmp_path)


def test_a_broken_cluster_tells_why(data_dir: Path) -> None:
    embedded.start(data_dir)
    embedded.stop(data_dir)
    with (data_dir / "pg" / "postgresql.conf").open("a") as conf:
        conf.write("\nshared_buffers = nonsense\n")
    (data_dir / "pg" / "shuiling.conf").unlink()
    with pytest.raises(EmbeddedServerError, match="内置数据库无法启动"):
        embedded.start(data_dir)


def test_an_external_server_gets_its_databases_created(server: EmbeddedServer) -> None:
    url = with_database(server.url, "elsewhere")
    ensure_databases(url)
    ensure_databases(url)
    for target in (url, rasa_url(url)):
        with psycopg.connect(target) as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def test_without_the_right_to_create_the_message_says_what_to_run(server: EmbeddedServer) -> None:
    assert server.socket_dir is not None
    with psycopg.connect(
        host=str(server.socket_dir), user="postgres", dbname="postgres", autocommit=True
    ) as admin:
        admin.execute("create role modest login")
    url = with_database(server.url, "not_there").replace("//shuiling@", "//modest@")
    with pytest.raises(DatabaseSetupError, match="CREATE DATABASE not_there"):
        ensure_databases(url)


def test_an_unreachable_server_is_not_taken_for_a_missing_database(tmp_path: Path) -> None:
    with pytest.raises(psycopg.OperationalError):
        ensure_databases(f"postgresql://nobody@/x?host={tmp_path}")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgres://u:p%40ss@h:5432/db", "postgresql://u:p%40ss@h:5432/db"),
        ("postgresql+psycopg://u@h/db", "postgresql://u@h/db"),
    ],
)
def test_urls_are_brought_to_one_form(given: str, expected: str) -> None:
    assert plain_url(given) == expected


def test_other_databases_are_refused() -> None:
    with pytest.raises(ValueError, match="PostgreSQL"):
        plain_url("mysql://u@h/db")
