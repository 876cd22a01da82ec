"""Set this folder up: an environment in .venv with everything that the course needs.

    python install.py                      install what requirements.txt lists (needs a network)
    python install.py --packages FOLDER    use the packages of that site-packages folder instead (needs none)

Run it again whenever a new assignment was unpacked here; what is installed already is left alone.
"""

# ruff: noqa: UP031, UP036 - whoever runs an older Python should read why it does not work
import hashlib
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
SCRIPTS = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
LIST = ROOT / "requirements.txt"
STAMP = ENVIRONMENT / "installed"


def main():
    if sys.version_info < (3, 10):
        found = sys.version.split()[0]
        return "Python 3.10 or later is needed, this is %s; install a newer one and run it again" % found
    arguments = sys.argv[1:]
    if arguments and (len(arguments) != 2 or arguments[0] != "--packages"):
        print(__doc__)
        return 2
    wanted = hashlib.sha256(LIST.read_bytes()).hexdigest()
    if PYTHON.is_file() and STAMP.is_file() and STAMP.read_text() == wanted:
        print("Everything is installed already.")
    else:
        problem = reuse(Path(arguments[1])) if arguments else install()
        if problem:
            return problem
        STAMP.write_text(wanted)
    print(farewell())
    return 0


def install():
    """Packages from the network, checked against their checksums."""
    if not PYTHON.is_file():
        print("making the environment .venv ...", flush=True)
        try:
            venv.create(ENVIRONMENT, with_pip=True)
        except subprocess.CalledProcessError:
            return "this Python cannot make environments; install your system's package python3-venv and run it again"
    print("installing (a few minutes the first time) ...", flush=True)
    # The list names every package there is to install, so nothing has to be resolved.
    order = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    if subprocess.run([*order, "--require-hashes", "-r", str(LIST)], cwd=ROOT).returncode:
        return "not everything could be installed; the lines above say why. Is there a network? Run it again"
    return ""


def reuse(folder):
    """Packages that are on this machine already; only the course's own wheel is installed."""
    if not folder.is_dir():
        return "there is no folder %s" % folder
    venv.create(ENVIRONMENT, with_pip=False)
    own = re.search(r"^\./(wheels/\S+)", LIST.read_text(encoding="utf-8"), re.MULTILINE)[1]
    order = [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "--quiet", "--disable-pip-version-check"]
    order += ["--no-deps", "--no-index", str(ROOT / own)]
    if subprocess.run(order).returncode:
        return "the course's own wheel could not be installed; the lines above say why"
    site = subprocess.run(
        [str(PYTHON), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True
    )
    (Path(site.stdout.strip()) / "reused.pth").write_text(str(folder.resolve()) + "\n")
    return ""


def farewell():
    activate = r".venv\Scripts\activate" if os.name == "nt" else "source .venv/bin/activate"
    return "Ready. Now: %s\nthen go to the assignment's folder and run: tito doctor" % activate


if __name__ == "__main__":
    outcome = main()
    sys.exit("error: " + outcome if isinstance(outcome, str) else outcome)
