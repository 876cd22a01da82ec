"""Set the course up on a fresh machine and run one of its main jobs. Needs Python 3.10 or later and nothing else.

    python3 bootstrap.py demo    grade a real submission and print the scored result
    python3 bootstrap.py test    run every check of the repository
    python3 bootstrap.py setup   only set up; then use .venv/bin/tito (on Windows .venv\\Scripts\\tito)

The first run makes a virtual environment in .venv and installs the pinned packages of requirements.lock into it; later
runs find it there and start at once.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
SAMPLE = ROOT / "samples" / "a01_submission.zip"
SCRIPTS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")


def main() -> int:
    job = sys.argv[1] if len(sys.argv) == 2 else ""
    if job not in ("demo", "test", "setup"):
        print(__doc__)
        return 2
    if sys.version_info < (3, 10):  # noqa: UP036 - whoever runs an older one should read why
        print(
            f"error: Python 3.10 or later is needed, this is {sys.version.split()[0]};"
            f" run: python3.11 bootstrap.py {job}"
        )
        return 2
    os.chdir(ROOT)
    set_up()
    if job == "demo":
        return run([PYTHON, "-m", "autograder", "grade", "a01", str(SAMPLE), "--allow-weak-sandbox"], ok=(0,))
    if job == "test":
        return test()
    print(f"ready: {SCRIPTS / 'tito'} --help")
    return 0


def set_up() -> None:
    """Make .venv from the lock file, unless it already holds exactly that."""
    wanted = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = ENVIRONMENT / "tinytorch-lock"
    if stamp.is_file() and stamp.read_text() == wanted and PYTHON.is_file():
        return
    print("setting up .venv (a minute or two) ...", flush=True)
    if not PYTHON.is_file():
        venv.create(ENVIRONMENT, with_pip=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    # The lock file names every package there is to install; resolving dependencies again could only disagree with it.
    for arguments in (["--require-hashes", "-r", LOCK], ["--no-build-isolation", "-e", ROOT]):
        if run([*pip, *arguments], ok=(0,)):
            print("error: the packages could not be installed; the message above says why. Run the same command again.")
            raise SystemExit(1)
    stamp.write_text(wanted)


def test() -> int:
    """Every check, cheapest first; pytest comes last so that its count of tests ends the output."""
    steps = [
        [PYTHON, "-m", "ruff", "check", "--quiet", "."],
        [PYTHON, "-m", "autograder", "build", "--check"],
        [PYTHON, "-m", "autograder", "validate", "--quick", "--mutants", "3"],
        [PYTHON, "-m", "pytest", "-n", "2", "--dist", "worksteal"],
    ]
    for step in steps:
        print("$ " + " ".join(map(str, step[2:])), flush=True)
        if status := run(step):
            return status
    return 0


def run(command: list[object], ok: tuple[int, ...] = (0,)) -> int:
    """Run a command with one BLAS thread a process; returns 0 for an accepted status, else the status."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("TITO_COURSE", None)  # this checkout, whatever course the shell is set to
    status = subprocess.run([str(part) for part in command], env=environment).returncode
    return 0 if status in ok else status


if __name__ == "__main__":
    sys.exit(main())
