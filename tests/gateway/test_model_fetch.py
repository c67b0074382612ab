from __future__ import annotations

import hashlib
import io
import json
import random
import stat
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from dialects.acoustic import missing_files
from gateway import dialect_training
from gateway.cli.main import app
from gateway.dialect_training import AdaptError
from gateway.model_catalogue import OFFICIAL, FetchError, UnreachableError, choose, parse
from gateway.model_fetch import fetch, lacking_space, part_of
from gateway.model_unpack import BadArchiveError, unpack

pytestmark = pytest.mark.unit

NAME = "vosk-model-small-cn-9.9"
BODY = random.Random(1).randbytes(600_000)
# The layout of Vosk's own models: i-vectors, and the graph in two parts or whole.
COMMON = {
    "am/final.mdl": BODY,
    "conf/mfcc.conf": b"--sample-frequency=16000\n",
    "conf/model.conf": b"--beam=13\n",
    "graph/phones/word_boundary.int": b"1 nonword\n",
    "ivector/final.ie": b"ie",
    "ivector/splice.conf": b"--left-context=3\n",
    "README": b"words",
}
IN_PARTS = COMMON | {"graph/HCLr.fst": b"h", "graph/Gr.fst": b"g", "graph/disambig_tid.int": b"1\n"}
WHOLE = COMMON | {"graph/HCLG.fst": b"hg", "rescore/G.fst": b"g"}


def zipped(files: dict[str, bytes], top: str = NAME + "/") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(top + name, content)
    return out.getvalue()


class Server(ThreadingHTTPServer):
    """Serves ``files``; ``cuts`` are the bytes after which the next answers of an archive break off."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.cuts: list[int] = []
        self.ranges = True
        self.asked: list[str | None] = []

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def offer(self, archive: bytes, **other: Any) -> None:
        row = {
            "lang": "cn",
            "name": NAME,
            "url": f"https://alphacephei.com/vosk/models/{NAME}.zip",
            "size": len(archive),
            "md5": hashlib.md5(archive).hexdigest(),
            "type": "small",
            "obsolete": "false",
        } | other
        self.files = {
            "/m/model-list.json": json.dumps([{"lang": "en-us"}, row]).encode(),
            f"/m/{NAME}.zip": archive,
        }


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.server.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        start, wanted = 0, self.headers.get("Range")
        if self.path.endswith(".zip"):
            self.server.asked.append(wanted)
        if wanted and self.server.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = len(body)
        if self.path.endswith(".zip") and self.server.cuts:
            end = start + self.server.cuts.pop(0)
        self.wfile.write(body[start:end])

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SHUILING_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("SHUILING_MANDARIN_MODEL", raising=False)
    return tmp_path


def run(*arguments: str, typed: str = "") -> Any:
    return CliRunner().invoke(app, [*arguments], input=typed, env={"COLUMNS": "200"})


def fetch_from(server: Server, *more: str, typed: str = "") -> Any:
    return run("models", "fetch", "--source", f"{server.origin}/m", *more, typed=typed)


def left_in(models: Path) -> set[str]:
    return {each.name for each in models.iterdir()} - {".fetch.lock"}


@pytest.mark.parametrize("files", [IN_PARTS, WHOLE])
def test_a_model_is_shown_asked_about_got_and_can_be_mandarins(
    server: Server, data: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = zipped(files)
    server.offer(archive)

    done = fetch_from(server, typed="y\n")

    folder = (data / "models" / NAME).resolve()
    assert done.exit_code == 0, done.output
    for told in (
        NAME,
        f"{len(archive)} 字节",
        "Apache-2.0（以页面为准",
        hashlib.md5(archive).hexdigest(),
        str(folder),
    ):
        assert told in done.output.split("下载吗")[0]
    assert hashlib.sha256(archive).hexdigest() in done.output
    assert f"SHUILING_MANDARIN_MODEL={folder}" in done.output.splitlines()
    assert (folder / "am/final.mdl").read_bytes() == BODY
    assert missing_files(folder) == []
    assert left_in(data / "models") == {NAME}

    monkeypatch.setenv("SHUILING_MANDARIN_MODEL", str(folder))
    rows = json.loads(run("models", "list", "--json").output)
    assert [each["name"] for each in rows if each["mandarin"]] == [NAME]
    assert "已经在用" in fetch_from(server).output


def test_nothing_is_got_when_it_is_not_wanted(server: Server, data: Path) -> None:
    server.offer(zipped(IN_PARTS))
    for typed in ("n\n", ""):
        done = fetch_from(server, typed=typed)
        assert done.exit_code == 1
        assert "没有下载" in done.output
    assert server.asked == []


def test_a_model_that_is_there_is_not_got_again(server: Server, data: Path) -> None:
    server.offer(zipped(IN_PARTS))
    assert fetch_from(server, "--yes").exit_code == 0
    again = fetch_from(server)
    assert again.exit_code == 0
    assert "已经有了" in again.output
    assert len(server.asked) == 1
    server.files = {}
    assert fetch_from(server, NAME).exit_code == 0


def test_a_cut_connection_is_gone_on_with_at_once(server: Server, data: Path) -> None:
    server.offer(zipped(IN_PARTS))
    server.cuts = [200_000, 150_000]
    assert fetch_from(server, "--yes").exit_code == 0
    assert [each is None for each in server.asked] == [True, False, False]
    starts = [int(each.removeprefix("bytes=").rstrip("-")) for each in server.asked[1:] if each]
    assert 0 < starts[0] < starts[1] <= 350_000


def test_a_second_run_goes_on_where_the_first_broke_off(server: Server, data: Path) -> None:
    server.offer(zipped(IN_PARTS))
    server.cuts = [200_000, 0]
    broken = fetch_from(server, "--yes")
    part = data / "models" / f"{NAME}.zip.part"
    have = part.stat().st_size
    assert broken.exit_code == 1
    assert "再运行一次会接着下载" in broken.output
    assert 0 < have <= 200_000

    server.asked.clear()
    done = fetch_from(server, "--yes")
    assert done.exit_code == 0, done.output
    assert "接着下载" in done.output
    assert server.asked == [f"bytes={have}-"]
    assert (data / "models" / NAME / "am/final.mdl").read_bytes() == BODY


def test_a_server_without_ranges_starts_anew(server: Server, data: Path) -> None:
    archive = zipped(IN_PARTS)
    server.offer(archive)
    server.ranges = False
    (data / "models").mkdir()
    (data / "models" / f"{NAME}.zip.part").write_bytes(archive[:1000])
    assert fetch_from(server, "--yes").exit_code == 0
    assert server.asked == ["bytes=1000-"]


def test_a_wrong_checksum_is_deleted(server: Server, data: Path) -> None:
    server.offer(zipped(IN_PARTS), md5="0" * 32)
    done = fetch_from(server, "--yes")
    assert done.exit_code == 1
    assert "校验值不对" in done.output
    assert left_in(data / "models") == set()


def test_a_file_of_another_size_than_listed_is_not_got(server: Server, data: Path) -> None:
    server.offer(zipped(IN_PARTS), size=12)
    done = fetch_from(server, "--yes")
    assert done.exit_code == 1
    assert "清单说是 12 字节" in done.output
    assert left_in(data / "models") == set()


def test_a_server_that_is_gone_is_told_with_what_to_do(server: Server, data: Path) -> None:
    server.offer(zipped(IN_PARTS))
    origin = server.origin
    server.shutdown()
    server.server_close()
    done = run("models", "fetch", "--source", origin, "--yes")
    assert done.exit_code == 1
    assert "连不上" in done.output
    assert f"解压到 {data.resolve() / 'models'}" in done.output


def test_an_archive_that_is_gone_is_told(server: Server, data: Path) -> None:
    server.offer(zipped(IN_PARTS))
    del server.files[f"/m/{NAME}.zip"]
    done = fetch_from(server, "--yes")
    assert done.exit_code == 1
    assert "404" in done.output


def link() -> bytes:
    out = io.BytesIO(zipped(IN_PARTS))
    with zipfile.ZipFile(out, "a") as archive:
        info = zipfile.ZipInfo(f"{NAME}/graph/words.txt")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


@pytest.mark.parametrize(
    ("archive", "told"),
    [
        (zipped(IN_PARTS | {"../../evil": b"x"}), "不安全的路径"),
        (zipped({"/evil": b"x"} | IN_PARTS, top=""), "不安全的路径"),
        (zipped(IN_PARTS | {"..\\evil": b"x"}), "不安全的路径"),
        (link(), "链接"),
        (zipped(IN_PARTS | {"bomb": bytes(80_000_000)}), "大得不正常"),
        (zipped({"README": b"x"}), "缺少 am/final.mdl"),
        (zipped(IN_PARTS)[:-4000], "已损坏"),
    ],
    ids=["parent", "absolute", "backslash", "link", "bomb", "no model", "cut"],
)
def test_a_bad_archive_leaves_nothing(server: Server, data: Path, archive: bytes, told: str) -> None:
    server.offer(archive)
    done = fetch_from(server, "--yes")
    assert done.exit_code == 1
    assert told in done.output
    assert left_in(data / "models") == set()
    assert not list(data.rglob("evil")) and not (data.parent / "evil").exists()


def test_damage_inside_an_archive_is_found_and_the_old_folder_kept(tmp_path: Path) -> None:
    content = bytearray(zipped(IN_PARTS))
    content[len(content) // 2] ^= 0xFF
    archive = tmp_path / "a.zip"
    archive.write_bytes(content)
    (tmp_path / "model").mkdir()
    with pytest.raises(BadArchiveError, match="已损坏"):
        unpack(archive, tmp_path / "model")
    assert {each.name for each in tmp_path.iterdir()} == {"a.zip", "model"}


def test_a_full_disk_is_told_before(server: Server, data: Path, tmp_path: Path) -> None:
    server.offer(zipped(IN_PARTS), size=10**18)
    done = fetch_from(server, typed="y\n")
    assert "磁盘空间不够" in done.output
    assert "下载吗" not in done.output
    assert server.asked == []
    archive = tmp_path / "a.zip"
    archive.write_bytes(zipped(IN_PARTS))
    with pytest.raises(FetchError, match="磁盘空间不够"):
        unpack(archive, tmp_path / "model", free=lambda _: 1000)


def test_what_has_come_counts_for_the_space_needed(tmp_path: Path) -> None:
    (entry,) = parse([row(size=1_000_000)], OFFICIAL)
    assert lacking_space(entry, tmp_path, lambda _: 2_500_000)
    part_of(entry, tmp_path).write_bytes(bytes(600_000))
    assert not lacking_space(entry, tmp_path, lambda _: 2_500_000)


def test_a_connection_that_never_opens_keeps_what_has_come(tmp_path: Path) -> None:
    (entry,) = parse([row(size=1_000)], OFFICIAL)
    part_of(entry, tmp_path).write_bytes(b"some")

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with httpx.Client(transport=httpx.MockTransport(refuse)) as client, pytest.raises(UnreachableError):
        fetch(client, entry, tmp_path, lambda have, size: None)
    assert part_of(entry, tmp_path).read_bytes() == b"some"


def row(**other: Any) -> dict[str, Any]:
    return {
        "lang": "cn",
        "name": NAME,
        "url": f"https://alphacephei.com/vosk/models/{NAME}.zip",
        "size": 5,
        "md5": "a" * 32,
    } | other


@pytest.mark.parametrize("field", ["name", "url", "md5", "size"])
def test_a_list_without_a_field_says_which(field: str) -> None:
    lacking = row()
    del lacking[field]
    with pytest.raises(FetchError, match=field):
        parse([lacking], OFFICIAL)


@pytest.mark.parametrize("other", [{"name": "../x"}, {"md5": "abc"}, {"size": -1}, {"url": "file:///etc/x"}])
def test_a_list_with_a_field_that_cannot_be_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(FetchError):
        parse([row(**other)], OFFICIAL)


def test_archives_are_looked_for_beside_a_mirrors_list_and_where_the_official_one_says() -> None:
    url = f"https://alphacephei.com/vosk/models/{NAME}.zip"
    assert parse([row()], OFFICIAL)[0].url == url
    assert parse([row()], "http://mirror/v/model-list.json")[0].url == f"http://mirror/v/{NAME}.zip"
    elsewhere = row(url="https://other/z.zip")
    assert parse([elsewhere], "http://mirror/v/model-list.json")[0].url == "https://other/z.zip"


def test_the_small_model_in_use_is_the_default() -> None:
    entries = parse(
        [
            row(name="old", type="small", obsolete="true", size=9),
            row(name="small", type="small", obsolete="false"),
            row(name="vosk-big", type="big", size=99),
        ],
        OFFICIAL,
    )
    assert choose(entries, None).name == "small"
    assert choose(entries, "big").name == "vosk-big"
    assert choose(entries, "old").name == "old"
    with pytest.raises(FetchError, match="vosk-big"):
        choose(entries, "huge")


def test_a_folder_set_for_mandarin_without_a_model_is_told(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHUILING_MANDARIN_MODEL", str(data / "nothing"))
    done = run("models", "list")
    assert done.exit_code == 1
    assert "SHUILING_MANDARIN_MODEL" in done.output


def recordings(folder: Path) -> Path:
    folder.mkdir()
    (folder / "a.wav").write_bytes(b"RIFF")
    (folder / "a.txt").write_text("缓缴怎么办", encoding="utf-8")
    return folder


def environment(folder: Path, script: str) -> Path:
    """A training environment whose Python answers ``script`` whatever it is asked."""
    (folder / "bin").mkdir(parents=True)
    (folder / ".lock-stamp").write_text("x")
    python = folder / "bin" / "python"
    python.write_text(f"#!{sys.executable}\nimport json, sys\n{script}\n")
    python.chmod(0o755)
    return folder


def test_training_says_what_is_wrong_before_it_starts(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect_training, "ENVIRONMENT", tmp_path / "none")
    good = recordings(tmp_path / "good")
    (tmp_path / "empty").mkdir()
    listed = tmp_path / "listed"
    listed.mkdir()
    (listed / "transcripts.tsv").write_text("gone.wav\t你好\n", encoding="utf-8")
    for folder, base, told in (
        (tmp_path / "gone", "mandarin", "没有录音文件夹"),
        (tmp_path / "empty", "mandarin", "没有带文字的录音"),
        (listed, "mandarin", "没有带文字的录音"),
        (good, "nowhere", "没有方言包"),
        (good, "henan", "--base mandarin"),
        (good, "mandarin", "scripts/training.sh"),
    ):
        done = run("dialect", "train", "--recordings", str(folder), "--base", base)
        assert done.exit_code == 1
        assert told in done.output, done.output


def test_training_runs_the_adaptation_and_tells_what_came_of_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"used": 30, "skipped": [["b.wav", "超过 30 秒"]], "minutes": 2.0, "before": 0.2, "after": 0.1}
    script = (
        f"open({str(tmp_path / 'asked')!r}, 'w').write(json.dumps(sys.argv[1:]))\n"
        f"print(json.dumps({told!r} | {{'kept': 'mandarin-adapted-2' not in sys.argv[-1]}}))"
    )
    monkeypatch.setattr(dialect_training, "ENVIRONMENT", environment(tmp_path / "venv", script))
    folder = recordings(tmp_path / "good")
    done = run("dialect", "train", "--recordings", str(folder), "--base", "普通话")
    target = tmp_path / "models" / "mandarin-adapted"
    assert done.exit_code == 0, done.output
    assert "20.0% → 10.0%" in done.output
    assert "b.wav：超过 30 秒" in done.output
    assert f"SHUILING_MANDARIN_MODEL={target.resolve()}" in done.output
    asked = json.loads((tmp_path / "asked").read_text())
    assert asked[:2] == ["-m", "dialects.training.adapt"]
    options = dict(zip(asked[2::2], asked[3::2], strict=True))
    assert options["--base"].endswith("dialects/models/mandarin")
    assert options["--recordings"] == str(folder.resolve())
    assert options["--out"] == str(target.resolve())

    target.mkdir()
    worse = run("dialect", "train", "--recordings", str(folder), "--base", "mandarin")
    assert worse.exit_code == 3
    assert "没有保存" in worse.output


def test_training_never_replaces_a_folder_and_tells_a_failure(tmp_path: Path) -> None:
    folder = recordings(tmp_path / "good")
    python = environment(tmp_path / "venv", "sys.exit(2)") / "bin" / "python"
    with pytest.raises(AdaptError, match="已经存在"):
        dialect_training.adapt(python, tmp_path, folder, folder)
    with pytest.raises(AdaptError, match="原因见上"):
        dialect_training.adapt(python, tmp_path, folder, tmp_path / "out")
