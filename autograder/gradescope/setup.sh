#!/usr/bin/env bash
# Makes a machine ready to grade: `packages` installs what requirements-grading.lock pins into a virtual environment,
# `seal` compiles the grader and closes the course to everyone but its owner. Without an argument: both. The system's
# own Python stays as it is. AUTOGRADER_ROOT stands in for /autograder.
#
# The lock holds the base dependencies of pyproject.toml and is made by
#   uv pip compile --universal --python-version 3.10 --generate-hashes --no-header pyproject.toml -o requirements-grading.lock
set -euo pipefail

root=${AUTOGRADER_ROOT:-/autograder}
source=$root/source
umask 022 # submissions run as another user, who has to be able to read Python and NumPy

packages() {
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3 python3-venv python3-pip
        rm -rf /var/lib/apt/lists/*
    fi
    if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
        echo "Python 3.10 or later is needed; $(python3 --version) is what this base has: choose a newer one" >&2
        exit 1
    fi
    python3 -m venv "$root/venv"
    "$root/venv/bin/python" -m pip install --disable-pip-version-check --no-cache-dir --quiet \
        --no-deps --only-binary :all: --require-hashes -r "$source/requirements-grading.lock"
}

seal() {
    "$root/venv/bin/python" -m compileall -q "$source/autograder"
    # The hidden tests are in here. Submissions run as another user.
    chmod -R go= "$source"
}

case ${1:-both} in
packages) packages ;;
seal) seal ;;
both) packages && seal ;;
*) echo "usage: setup.sh [packages|seal]" >&2 && exit 2 ;;
esac
