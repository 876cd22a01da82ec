"""Does the sandbox hold? Real attempts from really confined children, as root and as an ordinary user, with every
layer, with one layer switched off, and with one layer alone. A stand-in plays the judge, so that nothing here can hurt
the test run: what an attack gets is what comes back over a pipe and whether the stand-in is still alive.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import mmap
import os
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from autograder import sandbox
from autograder.errors import UserError
from autograder.sandbox import Confinement, landlock, policy, seccomp, system

ROOT = os.geteuid() == 0
ORDINARY_UID = 60600 if ROOT else os.geteuid()
USERS = ("root", "ordinary") if ROOT else ("ordinary",)
SECRET = "expected-value-4711"
SLOTS = cycle(range(60))  # a uid per observer: orphans that init has not reaped yet still count for theirs


# ---- a machine for attempts: stand-in judge, server (zygote), confined child -----------------------------------------


@dataclass(frozen=True)
class World:
    """The places and the victim that an attempt may use."""

    base: str
    composition: str
    tests: str
    elsewhere: str
    scratch: str
    judge: int
    server: int
    layers: frozenset[str]


@dataclass(frozen=True)
class Seen:
    """What a confined child reported, how it ended, and whether the judge survived it."""

    answers: dict[str, str]
    status: int
    judge_alive: bool
    tree_gone: bool
    cpu: float


def child(work: Callable[[int], object], keep: bool = False) -> tuple[int, int]:
    """Fork; `work` gets the writing end of a pipe. Returns (pid, reading end)."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            work(writing)
        except BaseException as error:  # the report of a fork that must never return into pytest
            os.write(writing, json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        finally:
            os._exit(0)
    os.close(writing)
    return pid, reading


def read_all(fd: int, seconds: float = 8.0) -> bytes:
    """Everything until the end of the pipe; what came so far if that does not come in time."""
    data, deadline = b"", time.monotonic() + seconds
    while select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
        block = os.read(fd, 65536)
        if not block:
            break
        data += block
    os.close(fd)
    return data


def act_as(user: str) -> None:
    if user == "ordinary" and ROOT:
        os.setgroups([])
        os.setresgid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID)
        os.setresuid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID)


def as_user(user: str, work: Callable[[], object]) -> object:
    """The result of `work` in a fork that has become `user`."""

    def report(writing: int) -> None:
        act_as(user)
        os.write(writing, json.dumps({"value": work()}).encode())

    pid, reading = child(report)
    answer = json.loads(read_all(reading))
    os.waitpid(pid, 0)
    assert "value" in answer, answer
    return answer["value"]


LAYERS = {user: frozenset(as_user(user, lambda: sorted(sandbox.available()))) for user in USERS}


@pytest.fixture(params=USERS)
def world(request: pytest.FixtureRequest) -> Iterator[tuple[str, World]]:
    """(user, folders and stand-in judge of that user). Open folders, since the private uid must get through."""
    user = request.param
    base = tempfile.mkdtemp(prefix="sandbox-test-")
    os.chmod(base, 0o755)
    owner = 0 if user == "root" else ORDINARY_UID
    for name, mode in (("composition", 0o755), ("tests", 0o700), ("elsewhere", 0o777), ("scratch", 0o700)):
        os.mkdir(f"{base}/{name}")
        os.chmod(f"{base}/{name}", mode)
        Path(base, name, "file").write_text(SECRET)
        if ROOT:
            for path in (f"{base}/{name}", f"{base}/{name}/file"):
                os.chown(path, owner, owner)
    os.chmod(f"{base}/tests/file", 0o600)

    def stand_in(writing: int) -> None:
        act_as(user)
        sandbox.guard_judge()
        os.write(writing, b"ready")
        time.sleep(60)

    judge, ready = child(stand_in)
    assert os.read(ready, 5) == b"ready"
    yield (
        user,
        World(
            base, f"{base}/composition", f"{base}/tests", f"{base}/elsewhere", f"{base}/scratch", judge, 0, frozenset()
        ),
    )
    os.kill(judge, signal.SIGKILL)
    os.waitpid(judge, 0)
    os.close(ready)
    shutil.rmtree(base)


def with_needs(layers: frozenset[str]) -> frozenset[str]:
    """Take away what cannot stand without a layer that is missing."""
    if "no_new_privs" not in layers:
        layers -= {"seccomp", "landlock", "landlock_scope"}
    return layers if "landlock" in layers else layers - {"landlock_scope"}


def own_size_mb() -> int:
    """Address space of this process: the server is a fork of it, and other tests may have made it large."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def confinement_for(world: World, layers: frozenset[str], **changes: int) -> Confinement:
    uid = sandbox.private_uid(next(SLOTS)) if "uid" in layers else None
    if ROOT:
        sandbox.wipe(world.scratch)
        owner = os.stat(world.tests).st_uid if uid is None else uid
        os.chown(world.scratch, owner, owner)
    usual = Confinement(
        read=(world.composition,),
        scratch=world.scratch,
        uid=uid,
        memory_mb=own_size_mb() + 400,
        cpu_seconds=10,
        file_mb=2,
        open_files=64,
        processes=0,
        layers=layers,
    )
    return replace(usual, **changes)


def observe(
    setting: tuple[str, World],
    layers: frozenset[str],
    work: Callable[[World], dict[str, str]],
    seconds: float = 8.0,
    **changes: int,
) -> Seen:
    """Run `work` in a confined child of a server, then kill the tree; the server reports all of it."""
    user, world = setting
    confinement = confinement_for(world, layers, **changes)

    def server(writing: int) -> None:
        act_as(user)
        if "subreaper" in layers:
            sandbox.become_subreaper()
        sandbox.guard_judge()
        here = replace(world, server=os.getpid(), layers=layers)
        alive_reading, alive_writing = os.pipe()

        def observer(answers: int) -> None:
            sandbox.enter(confinement, keep_fds=(answers, alive_writing))
            os.write(answers, json.dumps(work(here)).encode() + b"\n")
            time.sleep(20)

        pid, answers = child(observer)
        os.close(alive_writing)  # from here on only the tree holds it: its end is the end of the tree
        line = first_line(answers, seconds)
        status, usage = sandbox.kill_tree(pid, confinement)
        gone = bool(select.select([alive_reading], [], [], 0.5)[0]) and os.read(alive_reading, 1) == b""
        report = {"answers": line, "status": status, "gone": gone, "cpu": usage.ru_utime + usage.ru_stime}
        os.write(writing, json.dumps(report).encode())

    pid, reading = child(server)
    report = json.loads(read_all(reading, seconds + 8))
    os.waitpid(pid, 0)
    assert "error" not in report, report
    answers = json.loads(report["answers"] or "{}")
    assert "error" not in answers, answers
    alive = os.waitpid(world.judge, os.WNOHANG | os.WUNTRACED)[0] == 0 and judge_untouched(world)
    return Seen(answers, report["status"], alive, report["gone"], report["cpu"])


def first_line(fd: int, seconds: float) -> str:
    data, deadline = b"", time.monotonic() + seconds
    while not data.endswith(b"\n") and select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
        block = os.read(fd, 65536)
        if not block:
            break
        data += block
    return data.decode()


def judge_untouched(world: World) -> bool:
    """Its limit on open files is as high as ours, so nobody lowered it."""
    own, its = (Path(f"/proc/{pid}/limits").read_text() for pid in ("self", world.judge))
    return [line for line in own.splitlines() if "open files" in line] == [
        line for line in its.splitlines() if "open files" in line
    ]


# ---- attempts --------------------------------------------------------------------------------------------------------


def send_datagram(world: World) -> None:
    """UDP, since Landlock alone would refuse a TCP connection."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.sendto(b"x", ("127.0.0.1", PORT))


def fork_once(world: World) -> None:
    if os.fork() == 0:
        os._exit(0)


def kill_everything(world: World) -> None:
    """For real where the uid fences it; never as root, where a failing sandbox would take the machine along."""
    os.kill(-1, signal.SIGKILL if "uid" in world.layers else 0)


def read_memory(world: World) -> None:
    buffer = ctypes.create_string_buffer(8)
    local = struct.pack("PN", ctypes.addressof(buffer), 8)
    system.syscall("process_vm_readv", world.judge, local, 1, local, 1, 0)


def close_the_composition(world: World) -> None:
    os.chmod(world.composition, 0)
    os.chmod(world.composition, 0o755)


def write_a_big_file(world: World) -> None:
    with open(f"{world.scratch}/big", "wb", buffering=0) as file:
        while file.tell() < 3 << 20:
            file.write(bytes(1 << 20))


def open_many_files(world: World) -> None:
    for fd in [os.dup(1) for _ in range(100)]:
        os.close(fd)


JUDGE, TESTS, NETWORK, RESOURCES = "judge protected", "tests hidden", "no network", "resources capped"
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
CALL = system.syscall

# what is tried -> (how, the protection that it tries; None for what several layers refuse and no protection names)
ATTEMPTS: dict[str, tuple[Callable[[World], object], str | None]] = {
    "send datagram": (send_datagram, NETWORK),
    "unix socket": (lambda w: socket.socketpair(), None),
    "fork": (fork_once, None),
    "execve": (lambda w: os.execve("/bin/true", ["true"], {}), None),
    "subprocess": (lambda w: subprocess.run(["/bin/true"], check=True), None),
    "kill judge": (lambda w: os.kill(w.judge, signal.SIGKILL), JUDGE),
    "signal server": (lambda w: os.kill(w.server, 0), JUDGE),
    "queue signal": (lambda w: CALL("rt_sigqueueinfo", w.judge, 9, struct.pack("=iii116x", 9, 0, -1)), JUDGE),
    "signal by fcntl": (lambda w: fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, w.judge), None),
    "pidfd": (lambda w: os.pidfd_open(w.judge), None),
    "limit judge": (lambda w: resource.prlimit(w.judge, resource.RLIMIT_NOFILE, (1, 1)), JUDGE),
    "move judge": (lambda w: os.sched_setaffinity(w.judge, {0}), JUDGE),
    "ptrace": (lambda w: CALL("ptrace", 16, w.judge, 0, 0), JUDGE),
    "read memory": (read_memory, JUDGE),
    "read environ": (lambda w: Path(f"/proc/{w.judge}/environ").read_bytes(), JUDGE),
    "read tests": (lambda w: Path(w.tests, "file").read_text(), TESTS),
    "list tests": (lambda w: os.listdir(w.tests), TESTS),
    "read elsewhere": (lambda w: Path(w.elsewhere, "file").read_text(), None),
    "write elsewhere": (lambda w: Path(w.elsewhere, "note").write_text("for the next case"), None),
    "write composition": (lambda w: Path(w.composition, "file").write_text(SECRET), None),
    "close composition": (close_the_composition, None),
    "memfd": (lambda w: os.memfd_create("x"), None),
    "shared memory": (lambda w: CALL("shmget", 4711, 4096, 0o1666), None),
    "user namespace": (lambda w: CALL("unshare", 1 << 28), None),
    "mount": (lambda w: CALL("mount", b"tmpfs", os.fsencode(w.scratch), b"tmpfs", 0, None), None),
    "io_uring": (lambda w: CALL("io_uring_setup", 1, ctypes.create_string_buffer(120)), None),
    "leave group": (lambda w: os.setpgid(0, 0), None),
    "survive server": (lambda w: system.prctl(1, 0), None),
    "raise limit": (lambda w: resource.setrlimit(resource.RLIMIT_AS, UNLIMITED), RESOURCES),
    "map memory": (lambda w: mmap.mmap(-1, 1 << 30), RESOURCES),
    "big file": (write_a_big_file, RESOURCES),
    "many files": (open_many_files, RESOURCES),
    "kill everything": (kill_everything, None),
}
HARMLESS_OUTSIDE = [
    "send datagram", "unix socket", "fork", "subprocess", "signal server", "signal by fcntl", "pidfd", "read tests",
    "list tests", "read elsewhere", "write elsewhere", "write composition", "close composition", "memfd", "map memory",
    "big file", "many files",
]  # fmt: skip
REFUSALS = {
    errno.EPERM, errno.EACCES, errno.ENOENT, errno.ESRCH, errno.EMFILE, errno.EFBIG, errno.ENOMEM, errno.ENETUNREACH,
    errno.EROFS,
}  # fmt: skip


def run_attempts(names: Iterable[str]) -> Callable[[World], dict[str, str]]:
    def work(world: World) -> dict[str, str]:
        answers = {}
        for name in names:
            try:
                ATTEMPTS[name][0](world)
                answers[name] = "done"
            except MemoryError:
                answers[name] = "refused"
            except (OSError, ValueError) as error:  # ValueError: setrlimit above the hard limit
                code = error.errno if isinstance(error, OSError) else errno.EPERM
                answers[name] = "refused" if code in REFUSALS else f"failed oddly: {error!r}"
        return answers

    return work


def aiming_at(names: Collection[str]) -> list[str]:
    return [attempt for attempt, (_, aim) in ATTEMPTS.items() if aim in names]


def not_refused(answers: dict[str, str]) -> dict[str, str]:
    return {name: answer for name, answer in answers.items() if answer != "refused"}


@pytest.fixture(scope="module", autouse=True)
def listener() -> Iterator[None]:
    """Somebody to connect to, so that 'refused' can only mean the sandbox."""
    global PORT
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        PORT = server.getsockname()[1]
        yield


# ---- the whole sandbox -----------------------------------------------------------------------------------------------


def test_every_attempt_is_refused_with_all_layers(world: tuple[str, World]) -> None:
    seen = observe(world, LAYERS[world[0]], run_attempts(ATTEMPTS))
    assert seen.answers == dict.fromkeys(ATTEMPTS, "refused")
    assert seen.judge_alive
    assert seen.tree_gone


def test_the_same_attempts_succeed_outside(world: tuple[str, World]) -> None:
    """Or else a refusal proves nothing."""
    seen = observe(world, frozenset(), run_attempts(HARMLESS_OUTSIDE))
    assert seen.answers == dict.fromkeys(HARMLESS_OUTSIDE, "done")


def test_honest_work_goes_on_inside(world: tuple[str, World]) -> None:
    def work(here: World) -> dict[str, str]:
        a = np.arange(250_000, dtype=np.float64).reshape(500, 500)
        total = []
        threads = [threading.Thread(target=lambda: total.append(1)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        np.save(f"{here.scratch}/array.npy", a[:10])
        os.mkdir("made")
        os.rename("array.npy", "made/array.npy")
        temporary = tempfile.gettempdir() if tempfile.tempdir is None else here.scratch
        os.kill(os.getpid(), 0)
        return {
            "trace": str(np.trace(a @ a)),
            "threads": str(len(total)),
            "read": Path(here.composition, "file").read_text(),
            "saved": str(np.load("made/array.npy").sum()),
            "random": str(len(os.urandom(8))),
            "temporary": temporary,
            "cwd": os.getcwd(),
            "null": str(Path("/dev/null").write_text("x")),
            "stack": str(sum(range(100))),
        }

    seen = observe(world, LAYERS[world[0]], work)
    scratch = world[1].scratch
    a = np.arange(250_000, dtype=np.float64).reshape(500, 500)
    assert np.load(f"{scratch}/made/array.npy").shape == (10, 500)  # written where the server can see it
    assert seen.answers == {
        "trace": str(np.trace(a @ a)),
        "threads": "4",
        "read": SECRET,
        "saved": str(a[:10].sum()),
        "random": "8",
        "temporary": scratch,
        "cwd": scratch,
        "null": "1",
        "stack": "4950",
    }


def test_a_module_not_yet_loaded_can_be_imported_wherever_its_user_can_reach_python(world: tuple[str, World]) -> None:
    user = world[0]
    if not as_user(user, lambda: os.access(os.path.dirname(os.__file__), os.R_OK)):
        assert ROOT and user == "ordinary"  # a Python in root's closed home, of no use to anybody else
        return

    def work(here: World) -> dict[str, str]:
        import wave

        return {"wave": wave.__name__}

    assert observe(world, LAYERS[user], work).answers == {"wave": "wave"}


def test_refusals_reach_student_code_as_permission_errors(world: tuple[str, World]) -> None:
    tried = ["fork", "subprocess", "send datagram", "kill judge", "read elsewhere"]

    def work(here: World) -> dict[str, str]:
        answers = {}
        for name in tried:
            try:
                ATTEMPTS[name][0](here)
            except OSError as error:
                answers[name] = type(error).__name__
        return answers

    layers = LAYERS[world[0]] - {"namespaces"}  # where there is another root folder, files are just not there
    assert observe(world, layers, work).answers == dict.fromkeys(tried, "PermissionError")


@pytest.mark.parametrize(
    "how, signals", [("abort", {signal.SIGABRT}), ("segfault", {signal.SIGSEGV}), ("spin", {signal.SIGXCPU})]
)
def test_a_child_that_dies_is_reported_with_its_signal(world: tuple[str, World], how: str, signals: set[int]) -> None:
    def work(here: World) -> dict[str, str]:
        if how == "abort":
            os.abort()
        if how == "segfault":
            ctypes.string_at(0)
        while True:
            pass

    seen = observe(world, LAYERS[world[0]], work, seconds=4, cpu_seconds=1)
    assert os.WIFSIGNALED(seen.status) and os.WTERMSIG(seen.status) in signals
    # The kernel counts the limit in ticks, which on a busy machine are not all ours.
    assert how != "spin" or 0.5 < seen.cpu < 1.6


def test_only_the_kept_descriptors_stay_open(world: tuple[str, World]) -> None:
    def work(here: World) -> dict[str, str]:
        opened = []
        for fd in range(3, 64):
            try:
                os.fstat(fd)
                opened.append(fd)
            except OSError:
                pass
        return {"count": str(len(opened))}

    with open(__file__), open(__file__):
        assert observe(world, LAYERS[world[0]], work).answers == {"count": "2"}  # the answers and the sign of life


# ---- layer by layer --------------------------------------------------------------------------------------------------


def test_each_property_holds_as_long_as_the_policy_names_a_provider(world: tuple[str, World]) -> None:
    """With each layer in turn switched off, the next provider must really do the work."""
    user = world[0]
    for missing in sorted(LAYERS[user]):
        layers = with_needs(LAYERS[user] - {missing})
        held = {p.name for p in sandbox.protections(layers) if p.provider}
        seen = observe(world, layers, run_attempts(aiming_at(held)))
        assert seen.answers and not not_refused(seen.answers), missing
        assert seen.judge_alive and seen.tree_gone, missing


@pytest.mark.parametrize("name", [TESTS, JUDGE, NETWORK, RESOURCES])
def test_each_provider_suffices_alone(world: tuple[str, World], name: str) -> None:
    user = world[0]
    for provider in set(policy.PROVIDERS[name]) & LAYERS[user]:
        layers = {provider, "no_new_privs"} if provider in {"seccomp", "landlock"} else {provider}
        seen = observe(world, frozenset(layers), run_attempts(aiming_at({name})))
        assert seen.answers and not not_refused(seen.answers), provider
        assert seen.judge_alive, provider


@pytest.mark.parametrize(
    "name, attempt",
    [(TESTS, "read tests"), (JUDGE, "signal server"), (NETWORK, "send datagram"), (RESOURCES, "big file")],
)
def test_without_its_providers_each_property_is_really_lost(world: tuple[str, World], name: str, attempt: str) -> None:
    """The providers are what matters, not something that holds anyway."""
    without = {*policy.PROVIDERS[name], "landlock_scope"}  # which helps, see below
    layers = with_needs(LAYERS[world[0]] - without)
    assert next(p for p in sandbox.protections(layers) if p.name == name).provider is None
    assert observe(world, layers, run_attempts([attempt])).answers == {attempt: "done"}


def test_signals_kept_inside_do_not_yet_protect_the_judge(world: tuple[str, World]) -> None:
    """Why landlock_scope is no provider: with the judge's own uid, prlimit reaches where signals do not."""
    user = world[0]
    layers = LAYERS[user] & {"landlock_scope", "landlock", "no_new_privs"}
    assert JUDGE in {p.name for p in sandbox.protections(layers) if p.provider is None}
    if "landlock_scope" in layers and user == "ordinary":  # root's limits are also fenced by capabilities
        seen = observe(world, layers, run_attempts(["kill judge", "limit judge"]))
        assert seen.answers == {"kill judge": "refused", "limit judge": "done"} and not seen.judge_alive


# ---- killing the tree ------------------------------------------------------------------------------------------------


def start_daemons(here: World) -> dict[str, str]:
    """Double forks that try to leave the session; they live for longer than the test waits."""
    for _ in range(3):
        if os.fork() == 0:
            with contextlib.suppress(PermissionError):
                os.setsid()
            if os.fork() == 0:
                time.sleep(30)
            os._exit(0)
    return {"started": "3"}


def start_bomb(here: World) -> dict[str, str]:
    """Forks without end, as far as the cap lets it; each generation makes the next and half of them exit at once."""
    if os.fork() == 0:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                if os.fork() == 0 and os.getpid() % 2:
                    os._exit(0)
            except OSError:
                time.sleep(0.001)
        os._exit(0)
    time.sleep(0.2)
    return {"started": "bomb"}


def nets(user: str) -> list[frozenset[str]]:
    """Sets of layers in which one net of kill_tree has to do it alone, with the cap on processes in place."""
    counted = LAYERS[user] & {"uid"} or LAYERS[user] & {"namespaces"}
    base = frozenset(counted | {"rlimits", "no_new_privs", "parent_death"})
    return [LAYERS[user], base | {"seccomp"}, base | {"subreaper"}] if counted else []


@pytest.mark.parametrize("start", [start_daemons, start_bomb])
def test_nothing_of_a_tree_survives(world: tuple[str, World], start: Callable[[World], dict[str, str]]) -> None:
    for layers in nets(world[0]):
        seen = observe(world, layers, start, processes=8)
        assert seen.answers and seen.tree_gone and seen.judge_alive, sorted(layers)


def test_a_spared_observer_goes_on_living(world: tuple[str, World]) -> None:
    user, here = world
    layers = (LAYERS[user] - {"uid"}) & {"subreaper", "rlimits"}
    confinement = confinement_for(here, layers)

    def work() -> list[bool]:
        sandbox.become_subreaper()
        first, _ = child(lambda _: time.sleep(20))
        second, _ = child(lambda _: time.sleep(20))
        sandbox.kill_tree(second, confinement, spare={first})
        alive = os.waitpid(first, os.WNOHANG)[0] == 0
        sandbox.kill_tree(first, confinement)
        return [alive]

    assert as_user(user, work) == [True]


def test_processes_are_capped_when_the_assignment_may_have_some(world: tuple[str, World]) -> None:
    def work(here: World) -> dict[str, str]:
        started = 0
        try:
            while started < 200:
                if os.fork() == 0:
                    time.sleep(20)
                    os._exit(0)
                started += 1
        except OSError as error:
            return {"code": errno.errorcode[error.errno or 0], "few": str(started < 60)}
        return {"code": "none"}

    for layers in nets(world[0])[:1]:
        seen = observe(world, layers, work, processes=8)
        assert seen.answers == {"code": "EAGAIN", "few": "True"} and seen.tree_gone


# ---- what is left on disk --------------------------------------------------------------------------------------------


def test_wipe_empties_anything(world: tuple[str, World]) -> None:
    user, here = world

    def work(inside: World) -> dict[str, str]:
        os.symlink(inside.elsewhere, "link")
        os.mkdir(b"\xff\n name")
        Path(".wiped-0").mkdir()
        for n in range(2000):
            os.close(os.open(f"f{n}", os.O_CREAT | os.O_WRONLY))
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        os.mkdir("closed", mode=0)
        return {}

    observe(world, LAYERS[user] - {"namespaces"}, work)
    before = set(os.listdir(here.elsewhere))
    as_user(user, lambda: sandbox.wipe(here.scratch))
    assert os.listdir(here.scratch) == []
    assert set(os.listdir(here.elsewhere)) == before


def test_wipe_removes_what_the_private_uid_left_in_shared_folders() -> None:
    if not ROOT:
        assert "uid" not in LAYERS["ordinary"]  # no private uid, nothing to tell apart
        return
    uid = sandbox.private_uid(0)
    with tempfile.TemporaryDirectory() as scratch:
        os.chown(scratch, uid, uid)
        left = [Path(shared, "left-by-a-submission") for shared in ("/tmp", "/var/tmp", "/dev/shm")]
        mine = Path("/tmp/not-left-by-a-submission")
        mine.write_text("")
        for path in left:
            (path / "deep").mkdir(parents=True)
            os.chown(path, uid, uid)
        sandbox.wipe(scratch)
        assert [path for path in left if path.exists()] == [] and mine.exists()
        mine.unlink()


# ---- failing closed --------------------------------------------------------------------------------------------------


def enter_in_fork(world: World, confinement: Confinement, before: Callable[[], object] = lambda: None) -> str:
    def work(writing: int) -> None:
        before()
        sandbox.enter(confinement, keep_fds=(writing,))
        os.write(writing, b'{"error": "entered"}')

    pid, reading = child(work)
    answer = json.loads(read_all(reading))["error"]
    os.waitpid(pid, 0)
    return answer


def missing_landlock() -> None:
    landlock.abi = lambda: 0  # in a fork only


@pytest.mark.parametrize(
    "changes, before, says",
    [
        ({}, missing_landlock, "landlock"),
        ({"read": ("/no/such/folder",)}, None, "/no/such/folder"),
        ({"memory_mb": 16}, None, "memory_mb"),
        ({"uid": 1000}, None, "uid"),
        ({"layers": frozenset({"seccomp"})}, None, "no_new_privs"),
        ({"layers": frozenset({"rlimits"}), "processes": 4}, None, "processes"),
    ],
)
def test_enter_raises_rather_than_go_on_weaker(
    world: tuple[str, World], changes: dict[str, object], before: Callable[[], object] | None, says: str
) -> None:
    layers = frozenset({"no_new_privs", "landlock", "rlimits"})
    confinement = replace(confinement_for(world[1], layers), **changes)
    answer = enter_in_fork(world[1], confinement, before or (lambda: None))
    assert answer.startswith("SandboxError") and says in answer


def test_enter_names_a_folder_that_the_private_uid_cannot_reach(world: tuple[str, World]) -> None:
    user, here = world
    if "uid" not in LAYERS[user]:
        assert user == "ordinary"
        return
    confinement = replace(confinement_for(here, frozenset({"uid"})), read=(here.composition, here.tests))
    answer = enter_in_fork(here, confinement)
    assert answer.startswith("SandboxError") and here.tests in answer and "chmod" in answer


@pytest.mark.parametrize(
    "layers, lost",
    [
        (set(policy.LAYERS), set()),
        ({"rlimits", "no_new_privs", "seccomp", "landlock"}, set()),
        ({"rlimits", "no_new_privs", "seccomp", "uid"}, set()),
        ({"rlimits", "no_new_privs", "seccomp", "subreaper"}, {"tests hidden"}),
        ({"rlimits", "uid"}, {"no network"}),
        ({"no_new_privs", "landlock", "landlock_scope", "rlimits"}, {"judge protected", "tree killed", "no network"}),
        (set(), set(policy.PROVIDERS)),
    ],
)
def test_the_policy_refuses_exactly_what_has_no_provider(layers: set[str], lost: set[str]) -> None:
    assert {p.name for p in sandbox.protections(layers) if p.provider is None} == lost
    notes = sandbox.require(layers, allow_weak=True)
    assert all(any(f"'{name}'" in note for note in notes) for name in lost | (set(policy.LAYERS) - layers))
    if lost:
        with pytest.raises(UserError, match="--allow-weak-sandbox") as refusal:
            sandbox.require(layers, allow_weak=False)
        assert all(name in str(refusal.value) for name in lost)
    else:
        assert sandbox.require(layers, allow_weak=False) == notes


@pytest.mark.parametrize("allow_weak", [False, True])
def test_no_assignment_with_processes_where_nobody_can_count_them(allow_weak: bool) -> None:
    layers = {"rlimits", "no_new_privs", "seccomp", "landlock", "subreaper"}
    with pytest.raises(UserError, match="cannot count them"):
        sandbox.require(layers, allow_weak, processes=4)
    assert sandbox.require({*layers, "uid"}, allow_weak, processes=4) == sandbox.require({*layers, "uid"}, allow_weak)


def test_describe_names_what_is_there_and_what_is_missing() -> None:
    line = sandbox.describe({"uid", "landlock"})
    assert line.startswith(f"sandbox: uid, landlock (ABI {landlock.abi()}); missing: ") and "seccomp" in line
    assert "missing" not in sandbox.describe(policy.LAYERS)


def test_private_uids_differ_between_slots_and_between_graders() -> None:
    if not ROOT:
        assert "uid" not in LAYERS["ordinary"]
        return
    mine = [sandbox.private_uid(slot) for slot in (0, 1, 0)]
    assert mine[0] == mine[2] != mine[1]
    code = "from autograder.sandbox import private_uid; print(private_uid(0))"
    other = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(other.stdout) not in mine


def test_elsewhere_than_on_linux_the_package_imports_and_offers_nothing() -> None:
    code = """
import os, shutil, sys, tempfile
for name in ("fcntl", "resource"):
    sys.modules[name] = None
for name in ("uname", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "O_PATH", "fork"):
    delattr(os, name)
sys.platform = "win32"
from autograder import sandbox
print(sorted(sandbox.available()), sandbox.describe(sandbox.available()).count("none"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[] 1\n", done.stderr


# ---- the filter as the kernel would run it, on processors that are not here ------------------------------------------


def answer_of(arch: system.Arch, call: int, *arguments: int, audit: int | None = None, processes: bool = False) -> int:
    """A filter machine: enough of one to run our program on one call."""
    code = seccomp.program(arch, pid=100, processes=processes, signal_others=processes)
    steps = list(struct.iter_unpack("=HBBI", code))
    assert len(steps) <= 4096
    data = struct.pack(
        "=IIQ6Q",
        call,
        arch.audit if audit is None else audit,
        0,
        *(a & 2**64 - 1 for a in (*arguments, *[0] * (6 - len(arguments)))),
    )
    at, value = 0, 0
    while True:
        op, yes, no, k = steps[at]
        if op == seccomp.LOAD:
            value = struct.unpack_from("=I", data, k)[0]
        elif op == seccomp.RETURN:
            return k
        else:
            true = {
                seccomp.JUMP_EQUAL: value == k,
                seccomp.JUMP_GREATER: value > k,
                seccomp.JUMP_AT_LEAST: value >= k,
                seccomp.JUMP_ANY_BIT: bool(value & k),
            }[op]
            at += yes if true else no
        at += 1


@pytest.mark.parametrize("arch", system.ARCHES.values(), ids=list(system.ARCHES))
def test_the_filter_answers_the_same_on_every_processor(arch: system.Arch) -> None:
    def ask(name: str, *arguments: int, processes: bool = False) -> int:
        call = system.number(name, arch)
        assert call is not None
        return answer_of(arch, call, *arguments, processes=processes)

    for name in seccomp.DENIED:
        assert system.number(name, arch) is None or ask(name) == seccomp.EPERM, name
    thread, new_user = 0x3D0F00, 1 << 28
    table = [
        (ask("clone", thread), seccomp.ALLOW),
        (ask("clone", 17), seccomp.EPERM),
        (ask("clone3"), seccomp.ENOSYS),
        (ask("clone", 17, processes=True), seccomp.ALLOW),
        (ask("clone", 17 | new_user, processes=True), seccomp.EPERM),
        (ask("execve"), seccomp.EPERM),
        (ask("execve", processes=True), seccomp.ALLOW),
        (ask("kill", 100, 6), seccomp.ALLOW),
        (ask("kill", 101, 6), seccomp.EPERM),
        (ask("kill", -1, 9), seccomp.EPERM),
        (ask("kill", 101, 9, processes=True), seccomp.ALLOW),
        (ask("kill", -1, 9, processes=True), seccomp.EPERM),
        (ask("kill", 0, 9, processes=True), seccomp.EPERM),
        (ask("prlimit64", 0), seccomp.ALLOW),
        (ask("prlimit64", 7), seccomp.EPERM),
        (ask("sched_setaffinity", 7), seccomp.EPERM),
        (ask("ioctl", 0, 0x5412), seccomp.EPERM),
        (ask("ioctl", 0, 0x5401), seccomp.ALLOW),
        (ask("ioctl", 0, 0x5412 | 1 << 40), seccomp.EPERM),  # the kernel drops the upper half, and so must the filter
        (answer_of(arch, 463), seccomp.ENOSYS),
        (answer_of(arch, 0, audit=0x40000003), seccomp.KILL),
    ]
    assert [seen for seen, _ in table] == [expected for _, expected in table]
    reading = {
        "x86_64": [0, 1, 3, 9, 10, 11, 12, 257, 202, 231],
        "aarch64": [63, 64, 57, 222, 226, 215, 214, 56, 98, 94],
    }
    for call in reading[arch.name]:  # read write close mmap mprotect munmap brk openat futex exit_group
        assert answer_of(arch, call) == seccomp.ALLOW, call


def test_the_x32_cousins_of_calls_are_killed() -> None:
    assert answer_of(system.ARCHES["x86_64"], seccomp.X32_BIT | 41) == seccomp.KILL
