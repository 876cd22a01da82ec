"""Fetching, against a real HTTP server on this machine that can break off, lie, refuse, and go on in the middle."""

import hashlib
import io
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from tinytorch.data import download, sources

FRAME = Path(__file__).parents[2] / "tinytorch_ref" / "tinytorch"
CONTENT = np.random.default_rng(0).bytes(3_000_000)


class Mirror:
    """What a server holds and how it behaves; `asked` keeps (path, range header) of every request."""

    def __init__(self, files, ranges=True, cut_at=None, cuts=10**9, pause=0.0, status=None, reset=False):
        self.files, self.ranges, self.cut_at, self.cuts, self.reset = files, ranges, cut_at, cuts, reset
        self.pause, self.status = pause, status
        self.asked = []
        self.url = ""

    def answer(self, handler):
        wanted = handler.headers.get("Range")
        self.asked.append((handler.path, wanted))
        content = self.files.get(handler.path)
        if self.status or content is None:
            handler.send_error(self.status or 404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.ranges else 0
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        self._send(handler, content[start:])

    def _send(self, handler, content):
        """The content, or only `cut_at` bytes of it for the first `cuts` answers."""
        if self.cut_at is not None and self.cuts > 0:
            self.cuts -= 1
            content = content[: self.cut_at]
        for i in range(0, len(content), 100_000):
            try:
                handler.wfile.write(content[i : i + 100_000])
            except OSError:  # whoever asked has gone
                return
            time.sleep(self.pause)
        if self.reset:
            self.reset = False
            time.sleep(0.3)  # a reset throws away what has not been read yet
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()


@contextmanager
def serving(mirror):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            mirror.answer(self)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield mirror
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def mirror():
    """A good mirror of the file that most tests fetch."""
    with serving(Mirror({"/file.bin": CONTENT})) as served:
        yield served


def registry(folder, urls, **others):
    """A datasets folder whose registry knows the set `sample`, made of file.bin."""
    file = {"bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest(), "urls": urls}
    facts = {"title": "t", "source": "s", "licence": "l", "embedded": False}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "registry.json").write_text(json.dumps({"sample": {**facts, "files": {"file.bin": file}}, **others}))


@pytest.fixture
def known(tmp_path, monkeypatch):
    """known(url, ...) makes the mirrors of the set `sample` known; the cache is an empty folder, which is returned."""

    def make(*urls, **others):
        registry(tmp_path / "datasets", list(urls), **others)
        monkeypatch.setattr(sources, "EMBEDDED", tmp_path / "datasets")
        monkeypatch.setenv("TINYTORCH_DATA", str(tmp_path / "cache"))
        monkeypatch.delenv("TINYTORCH_MIRROR", raising=False)
        sources.registry.cache_clear()
        return tmp_path / "cache" / "sample"

    yield make
    sources.registry.cache_clear()


def quiet(file, done, size):
    """A progress that shows nothing."""


def leftovers(folder):
    return sorted(p.name for p in folder.iterdir() if p.name not in ("file.bin", ".lock"))


def test_a_file_is_fetched_once_and_then_found(known, mirror):
    cache = known(f"{mirror.url}/file.bin")
    seen = []
    assert download.fetch("sample", progress=lambda *news: seen.append(news)) == cache
    assert (cache / "file.bin").read_bytes() == CONTENT
    assert leftovers(cache) == []
    assert download.fetch("sample", progress=quiet) == cache
    assert mirror.asked == [("/file.bin", None)]
    assert [news[1] for news in seen] == sorted(news[1] for news in seen)
    assert seen[-1] == ("file.bin", len(CONTENT), len(CONTENT))


def test_a_broken_off_answer_is_taken_up_where_it_ended(known):
    with serving(Mirror({"/file.bin": CONTENT}, cut_at=1_200_000, cuts=2)) as mirror:
        cache = known(f"{mirror.url}/file.bin")
        download.fetch("sample", progress=quiet)
        assert (cache / "file.bin").read_bytes() == CONTENT
        assert [wanted for _, wanted in mirror.asked] == [None, "bytes=1200000-", "bytes=2400000-"]


def test_a_connection_that_is_reset_is_taken_up_where_it_ended(known):
    with serving(Mirror({"/file.bin": CONTENT}, cut_at=1_200_000, cuts=1, reset=True)) as mirror:
        cache = known(f"{mirror.url}/file.bin")
        download.fetch("sample", progress=quiet)
        assert (cache / "file.bin").read_bytes() == CONTENT
        (_, first), (_, second) = mirror.asked
        assert first is None and 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 1_200_000


def test_what_arrived_is_kept_for_a_later_try(known):
    with serving(Mirror({"/file.bin": CONTENT}, cut_at=500_000)) as mirror:
        cache = known(f"{mirror.url}/file.bin")
        with pytest.raises(sources.DataError, match=r"ended after 1,500,000 of 3,000,000 bytes.*what arrived is kept"):
            download.fetch("sample", progress=quiet)
        assert not (cache / "file.bin").exists()
        mirror.cut_at = None
        download.fetch("sample", progress=quiet)
        assert mirror.asked[-1] == ("/file.bin", "bytes=1500000-")
        assert (cache / "file.bin").read_bytes() == CONTENT


def test_a_server_that_cannot_go_on_is_asked_from_the_beginning(known):
    with serving(Mirror({"/file.bin": CONTENT}, ranges=False, cut_at=900_000, cuts=1)) as mirror:
        cache = known(f"{mirror.url}/file.bin")
        download.fetch("sample", progress=quiet)
        assert (cache / "file.bin").read_bytes() == CONTENT
        assert len(mirror.asked) == 2


@pytest.mark.parametrize("wrong", [CONTENT[:-1] + b"x", CONTENT + b"more", b"<html>sorry</html>"])
def test_wrong_bytes_never_become_the_file(known, wrong):
    with serving(Mirror({"/file.bin": wrong})) as mirror:
        cache = known(f"{mirror.url}/file.bin")
        with pytest.raises(sources.DataError) as raised:
            download.fetch("sample", progress=quiet)
        assert mirror.url in str(raised.value) and str(cache / "file.bin") in str(raised.value)
        assert not (cache / "file.bin").exists()


def test_a_server_that_never_stops_sending_is_left(known):
    with serving(Mirror({"/file.bin": CONTENT * 20})) as mirror:
        cache = known(f"{mirror.url}/file.bin")
        most = []
        with pytest.raises(sources.DataError, match="another file"):
            download.fetch("sample", progress=lambda file, done, size: most.append(done))
        assert max(most) <= len(CONTENT) + download.CHUNK
        assert leftovers(cache) == []


def test_after_dead_and_lying_mirrors_the_good_one_is_found(known, mirror):
    with serving(Mirror({"/file.bin": CONTENT[::-1]})) as lying, serving(Mirror({}, status=503)) as busy:
        cache = known(
            "http://127.0.0.1:9/file.bin", f"{busy.url}/file.bin", f"{lying.url}/file.bin", f"{mirror.url}/file.bin"
        )
        download.fetch("sample", progress=quiet)
        assert (cache / "file.bin").read_bytes() == CONTENT
        assert (len(busy.asked), len(mirror.asked)) == (1, 1)


def test_a_part_from_a_lying_mirror_does_not_spoil_the_good_one(known, mirror):
    with serving(Mirror({"/file.bin": CONTENT[::-1]}, cut_at=400_000)) as lying:
        cache = known(f"{lying.url}/file.bin", f"{mirror.url}/file.bin")
        download.fetch("sample", progress=quiet)
        assert (cache / "file.bin").read_bytes() == CONTENT
        assert [wanted for _, wanted in mirror.asked] == ["bytes=1200000-", None]


def test_when_no_mirror_helps_each_is_named_with_its_answer(known):
    with serving(Mirror({}, status=503)) as busy, serving(Mirror({})) as empty:
        known(f"{busy.url}/file.bin", f"{empty.url}/file.bin")
        with pytest.raises(sources.DataError) as raised:
            download.fetch("sample", progress=quiet)
        for text in (f"{busy.url}/file.bin: HTTP Error 503", f"{empty.url}/file.bin: HTTP Error 404", "by hand"):
            assert text in str(raised.value)


def test_ones_own_mirror_is_asked_first(known, mirror, monkeypatch):
    with serving(Mirror({"/sets/sample/file.bin": CONTENT})) as own:
        cache = known(f"{mirror.url}/file.bin")
        monkeypatch.setenv("TINYTORCH_MIRROR", f"{own.url}/sets/")
        download.fetch("sample", progress=quiet)
        assert (cache / "file.bin").read_bytes() == CONTENT
        assert (len(own.asked), len(mirror.asked)) == (1, 0)


def test_a_damaged_file_in_the_cache_is_fetched_again(known, mirror):
    cache = known(f"{mirror.url}/file.bin")
    cache.mkdir(parents=True)
    (cache / "file.bin").write_bytes(CONTENT[:-1] + b"x")
    download.fetch("sample", progress=quiet)
    assert (cache / "file.bin").read_bytes() == CONTENT


def test_a_file_put_there_by_hand_asks_nobody(known, mirror):
    cache = known(f"{mirror.url}/file.bin")
    cache.mkdir(parents=True)
    (cache / "file.bin").write_bytes(CONTENT)
    assert download.fetch("sample", progress=quiet) == cache
    assert mirror.asked == []


# ---- archives


def _archive(names):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in names.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def _packed_set(packed, urls):
    facts = {"title": "t", "source": "s", "licence": "l", "embedded": False}
    archive = {"name": "all.tar.gz", "bytes": len(packed), "md5": hashlib.md5(packed).hexdigest(), "urls": urls}
    return {**facts, "archive": archive, "files": {"in/a.bin": {"bytes": 1000}, "in/b.bin": {"bytes": 2000}}}


def test_an_archive_is_unpacked_and_nothing_else_of_it(known):
    packed = _archive({"in/a.bin": b"a" * 1000, "in/b.bin": b"b" * 2000, "../outside.txt": b"no", "in/c.bin": b"c"})
    with serving(Mirror({"/all.tar.gz": packed})) as mirror:
        cache = known(packed=_packed_set(packed, [f"{mirror.url}/all.tar.gz"])).parent / "packed"
        assert download.fetch("packed", progress=quiet) == cache
        found = sorted(p.relative_to(cache.parent).as_posix() for p in cache.parent.rglob("*.*") if p.is_file())
        assert found == ["packed/.lock", "packed/in/a.bin", "packed/in/b.bin"]
        assert (cache / "in" / "b.bin").read_bytes() == b"b" * 2000


def test_an_archive_put_there_by_hand_is_unpacked_without_the_network(known):
    packed = _archive({"in/a.bin": b"a" * 1000, "in/b.bin": b"b" * 2000})
    cache = known(packed=_packed_set(packed, [])).parent / "packed"
    cache.mkdir(parents=True)
    (cache / "all.tar.gz").write_bytes(packed)
    assert download.fetch("packed", progress=quiet) == cache
    assert (cache / "in" / "a.bin").read_bytes() == b"a" * 1000


@pytest.mark.parametrize("names", [{"in/a.bin": b"a" * 1000}, {"in/a.bin": b"a" * 1000, "in/b.bin": b"b" * 1999}])
def test_an_archive_with_a_wrong_or_missing_file_is_refused_by_name(known, names):
    packed = _archive(names)
    with serving(Mirror({"/all.tar.gz": packed})) as mirror:
        cache = known(packed=_packed_set(packed, [f"{mirror.url}/all.tar.gz"])).parent / "packed"
        with pytest.raises(sources.DataError, match=r"in/b\.bin"):
            download.fetch("packed", progress=quiet)
        assert not (cache / "in" / "b.bin").exists()


# ---- processes


@pytest.fixture
def installed(tmp_path, mirror):
    """A frame of its own with its own registry, for processes that fetch from a slow mirror: (environment, cache)."""
    shutil.copytree(FRAME, tmp_path / "frame" / "tinytorch", ignore=shutil.ignore_patterns("__pycache__"))
    registry(tmp_path / "frame" / "datasets", [f"{mirror.url}/file.bin"])
    environment = {k: v for k, v in os.environ.items() if k != "TINYTORCH_MIRROR"}
    environment |= {"PYTHONPATH": str(tmp_path / "frame"), "TINYTORCH_DATA": str(tmp_path / "cache")}
    return environment, tmp_path / "cache" / "sample"


def _fetching(environment):
    order = [sys.executable, "-m", "tinytorch.data", "fetch", "sample"]
    return subprocess.Popen(order, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _wait_until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a Unix signal")
def test_a_killed_download_leaves_no_file_and_is_resumed(installed, mirror):
    environment, cache = installed
    mirror.pause = 0.05
    process = _fetching(environment)
    part = cache / "file.bin.part"
    _wait_until(lambda: part.is_file() and part.stat().st_size > 500_000)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = part.stat().st_size
    assert 0 < kept < len(CONTENT) and not (cache / "file.bin").exists()
    mirror.pause = 0.0
    process = _fetching(environment)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert (cache / "file.bin").read_bytes() == CONTENT
    assert mirror.asked[-1] == ("/file.bin", f"bytes={kept}-")
    assert str(cache) in out and "3.0 of 3.0 MB" in err


def test_two_processes_fetching_at_once_download_once(installed, mirror):
    environment, cache = installed
    mirror.pause = 0.02
    both = [_fetching(environment) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
    assert (cache / "file.bin").read_bytes() == CONTENT
    assert mirror.asked == [("/file.bin", None)]
    assert leftovers(cache) == []


def test_the_command_lists_fetches_verifies_and_fails_in_one_line(installed, mirror):
    environment, cache = installed

    def run(*arguments):
        order = [sys.executable, "-m", "tinytorch.data", *arguments]
        return subprocess.run(order, env=environment, capture_output=True, text=True, timeout=30)

    assert "not here; tito data fetch sample" in run("list").stdout
    assert run("verify", "sample").returncode == 2
    assert run("fetch", "sample").returncode == 0
    assert str(cache) in run("list", "sample").stdout
    assert run("verify").stdout == "sample: whole\n"
    (cache / "file.bin").write_bytes(CONTENT[:-1])
    damaged = run("verify", "sample")
    assert (damaged.returncode, "file.bin is damaged: 2,999,999 bytes" in damaged.stdout) == (1, True)
    unknown = run("fetch", "smaple")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
    assert "'smaple'; known are sample" in unknown.stderr
    environment["TINYTORCH_DATA"] = str(cache / "file.bin")  # a file where a folder should be
    blocked = run("fetch", "sample")
    assert (blocked.returncode, blocked.stderr.startswith("error: ")) == (2, True)
