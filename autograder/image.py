"""The autograder image: building it, and proving that it grades as this machine does.

`check` grades the submissions of `autograder.parity` in three ways: here, in a container of the image, and in a
container of the bare base image in which Gradescope's zip route was followed (unpack autograder.zip, run its setup.sh).
Every results.json has to be the same, byte for byte. Containers are as small as Gradescope's smallest and have no
network. Any engine that understands Docker's command line will do.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from autograder import parity
from autograder.course import Assignment, Course
from autograder.errors import UserError
from autograder.gradescope import write_zip

IMAGE = "tinytorch-autograder"
BASE = "gradescope/autograder-base:ubuntu-22.04"
SMALLEST = ("--network=none", "--memory=768m", "--cpus=0.5", "--pids-limit=512")
AT_ONCE = 2  # containers; each has half a core
RUN_SECONDS = 600  # the platform's own patience
STDOUT = "stdout.txt"


@dataclass(frozen=True)
class Compared:
    """One submission in one container: how it differs from what this machine gives, and how long the container took."""

    sample: str
    way: str
    score: float
    difference: str | None
    seconds: float


class Engine:
    """The Docker command line. Which engine it talks to is the matter of its environment (DOCKER_HOST, contexts)."""

    def __init__(self) -> None:
        found = shutil.which("docker")
        if found is None:
            raise UserError("no docker on the PATH; install a container engine, or use the zip (tito gradescope)")
        self.docker = found
        self.run("version", "--format", "{{.Server.Version}}")

    def run(self, *arguments: str, seconds: float | None = None) -> str:
        """Standard output of a docker command; UserError with the end of what it said when it fails."""
        command = [self.docker, *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise UserError(f"docker {arguments[0]} did not end within {seconds:g} s") from error
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip())[-2000:]
            raise UserError(f"docker {arguments[0]} failed (status {done.returncode}):\n{said}")
        return done.stdout

    def grade(self, image: str, root: Path, assignment: Assignment) -> int:
        """Run an image's run_autograder on the submission laid out below `root`; returns its exit status."""
        mounts = [f"--volume={root / name}:/autograder/{name}" for name in ("submission", "results")]
        mounts.append(f"--volume={root}/submission_metadata.json:/autograder/submission_metadata.json:ro")
        name = f"tinytorch-{secrets.token_hex(6)}"
        command = [self.docker, "run", "--rm", f"--name={name}", *SMALLEST, *mounts]
        command += [f"--env=ASSIGNMENT={assignment.key}", image, "/autograder/run_autograder"]
        with (root / STDOUT).open("wb") as told:
            try:
                return subprocess.run(command, stdout=told, stderr=told, timeout=RUN_SECONDS).returncode
            except subprocess.TimeoutExpired as error:
                self.run("kill", name)
                raise UserError(f"the container was not done in {RUN_SECONDS} s; Gradescope would score 0") from error


def build(course: Course, engine: Engine, image: str = IMAGE, base: str = BASE, assignment: str = "") -> None:
    """Build the image from the course's folder."""
    for name in ("Dockerfile", "requirements-grading.lock", "assignments", "solutions"):
        if not (course.root / name).exists():
            raise UserError(f"{course.root / name} is missing; build in a checkout of the course, after `tito build`")
    values = {"BASE": base, "ASSIGNMENT": assignment, "VERSION": f"{image} {course.version}"}
    arguments = [*(f"--build-arg={name}={value}" for name, value in values.items()), f"--tag={image}"]
    engine.run("build", "--network=host", *arguments, str(course.root))


def check(
    course: Course,
    assignment: Assignment,
    engine: Engine,
    image: str = IMAGE,
    base: str = BASE,
    tell: Callable[[Compared], None] = lambda compared: None,
) -> list[Compared]:
    """Grade the samples of an assignment in three ways; `tell` hears of each comparison as it is made.

    Nobody may edit the course meanwhile: the image holds it as it was when it was built.
    """
    tried = parity.samples(course, assignment)
    from_zip = f"{image.partition(':')[0]}:from-zip"
    with TemporaryDirectory(prefix="tito-image-") as folder:
        work = Path(folder)
        here = parity.results_here(course, assignment, tried, work / "here")
        _follow_the_zip_route(course, assignment, engine, base, from_zip, work)
        try:
            jobs = [(sample, way, name) for way, name in (("image", image), ("zip", from_zip)) for sample in tried]
            with ThreadPoolExecutor(AT_ONCE) as pool:
                compared = pool.map(lambda job: _compare(engine, assignment, *job, here, work), jobs)
                return list(_telling(compared, tell))
        finally:
            engine.run("rmi", "--force", from_zip)


def _telling(compared: Iterator[Compared], tell: Callable[[Compared], None]) -> Iterator[Compared]:
    for one in compared:
        tell(one)
        yield one


def _compare(
    engine: Engine,
    assignment: Assignment,
    sample: parity.Sample,
    way: str,
    image: str,
    here: dict[str, bytes],
    work: Path,
) -> Compared:
    root = work / way / sample.name
    sample.lay_out(root)
    started = time.monotonic()
    status = engine.grade(image, root, assignment)
    seconds = time.monotonic() - started
    file = root / "results" / "results.json"
    if not file.is_file():
        raise UserError(f"the container for '{sample.name}' ended with status {status} and without results.json")
    results = file.read_bytes()
    found = parity.difference(here[sample.name], results)
    if found is None and status:
        found = f"run_autograder ended with status {status}"
    if found is not None:
        found += "\n" + (root / STDOUT).read_text(encoding="utf-8", errors="replace")[-3000:]
    return Compared(sample.name, way, json.loads(results)["score"], found, seconds)


def _follow_the_zip_route(
    course: Course, assignment: Assignment, engine: Engine, base: str, image: str, work: Path
) -> None:
    """What Gradescope does with an autograder.zip: unpack it in the base image, run setup.sh, keep the result."""
    source = work / "autograder" / "source"
    with zipfile.ZipFile(write_zip(course, assignment, work / "autograder.zip")) as archive:
        archive.extractall(source)
    for name in ("setup.sh", "run_autograder"):
        (source / name).chmod(0o755)
    shutil.copy2(source / "run_autograder", source.parent / "run_autograder")
    container = engine.run("create", "--network=host", base, "/autograder/source/setup.sh").strip()
    try:
        engine.run("cp", str(source.parent), f"{container}:/")
        engine.run("start", "--attach", container)
        engine.run("commit", container, image)
    finally:
        engine.run("rm", "--force", container)
