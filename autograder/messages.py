"""The catalogue of what the commands around a release say when something is not as it should be.

One table: a name, and a sentence that names the thing and the remedy. The tests trigger every one of them. Messages of
grading, intake and lint stand where they arise, for there the sentence is part of the rule.
"""

from __future__ import annotations

MESSAGES = {
    # start
    "start.no_release": "{key} is not here: unzip its release into {root} first",
    "start.no_source": "--from {folder}: there is no such folder; name the folder that holds your earlier assignments",
    "start.no_layer": (
        "{key} stands on {needed}, and neither your finished layer nor the reference of it is here;"
        " finish {needed}, check it with `tito check`, then run: tito start {short}"
    ),
    "start.lost_layer": "{path} is missing; run again: tito start {short}",
    "start.reason.missing": "your {path} is not here",
    "start.reason.unreadable": "your {finding}",
    "start.reason.unwritten": "yours is not finished: {finding}",
    "start.reason.unchecked": "yours has not passed `tito check` as it stands",
    "start.reason.asked": "as you asked",
    "start.reason.nowhere": "yours was not found",
    # progress
    "progress.unwritable": "this check is not recorded: {file} cannot be written ({reason}); `tito doctor` says more",
    "progress.damaged": "{count} lines of {file} were changed by hand or cut short, and do not count",
    # checkpoints
    "checkpoint.not_here": "the tests of milestone {name} are not here: they come with the release of {key}",
    "checkpoint.no_own": (
        "no finished layer of yours was found: {name} would run on the reference alone, which proves nothing;"
        " finish an assignment that it needs and check it with `tito check`"
    ),
    # hints
    "hint.no_case": "{key} has no public case '{case}'; choose one of {known}",
    "hint.nothing_failing": "every public case of {key} passes; name a case to read its hints anyway",
    "hint.no_hints": "there are no hints for {key} here; unzip its release again",
    "hint.no_idea": "the failing cases fit no mistake that is known; read the message of `tito check` once more",
    "hint.no_section": "the handout has no section of its own for this; begin with 'What you build'",
    "hint.more": "more: tito hint {short} {case} --level {level}",
    # doctor
    "doctor.python_old": "Python {found} is too old; install Python 3.10 or later and run: python install.py",
    "doctor.no_venv": "this Python is not the course's own environment; run `python install.py` in {root}",
    "doctor.package_missing": "{name} is not installed; run: python install.py",
    "doctor.package_other": "{name} is {found}, the course is tried with {wanted}; run: python install.py",
    "doctor.tool_old": "this tito is {found}, the release here brings {wanted}; run: python install.py",
    "doctor.threads": "NumPy may use {cores} threads; for steady timings set OPENBLAS_NUM_THREADS=1",
    "doctor.unwritable": "{folder} cannot be written ({reason}); move the course to a folder of your own",
    "doctor.no_workspace": "this is no assignment's folder; go to one, such as {example}",
    "doctor.missing_file": "{path} is missing; take it from the release's zip again",
    "doctor.synced": "{folder} is synchronised by {service}, which may lock files; a plain folder is safer",
    "doctor.long_path": "the path of {folder} is {length} characters long; Windows allows 260 in all: move it up",
    "doctor.encoding": "text is written as {found} here; set PYTHONUTF8=1",
    "doctor.unreadable": "grading could not read your file: {finding}",
    "doctor.disk": "only {free} MB are free on the disk of {folder}; make room for 500 MB",
    "doctor.no_kernel": "the Jupyter kernel is not installed; run: python install.py",
    "doctor.other_kernel": "the kernel 'python3' starts {found}; choose the kernel of {wanted} in VS Code or Jupyter",
    # map, draw
    "draw.circle": "the graph goes round in a circle through {names}; only graphs without one can be drawn",
    "draw.not_dot": "{file}:{line}: neither a node nor an edge: {text}; write what graph_to_dot returns to the file",
    "draw.empty": "{file} holds no graph; write what graph_to_dot returns to the file",
    "draw.unreadable": "cannot read {file}: {reason}",
    "draw.unwritable": "cannot write {file}: {reason}; choose another place with --out",
    # lab
    "lab.no_jupyter": "Jupyter is not installed in this environment; run: python install.py",
    "lab.no_lab": "{folder} has no lab.ipynb; take it from the release's zip again",
    # release
    "release.not_written": "{key} cannot be released: {problem}",
    "release.stale": "assignments/{key} is not in step with its solution; run: tito build {short}",
    "release.no_lock": "{file} is missing; run tito from a checkout of the course's repository",
    "release.lock_without": "{file} does not pin {name}; make the lock file anew",
    "release.unwritable": "cannot write {file}: {reason}; choose another place with --out",
    "release.not_portable": "{path} cannot be in a release: {reason}",
    "release.leaks": "the release of {key} gives away what it must not:\n{leaks}",
    "release.still_due": "note: it holds the reference of {key}, which can be handed in until {until}",
    "release.not_proved": "the release of {key} does not do what its README says:\n{problem}",
    # new
    "new.bad_key": "'{key}' is no key; write aNN_name, such as {example}",
    "new.taken": "{what} exists already; choose another key",
    "new.unknown": "{key} cannot require {needed}, which is not an assignment; known are {known}",
    "new.no_place": "course.yaml has no list `assignments:` with one entry a dash; add the entry by hand",
    # validate --changed
    "changed.no_git": "--changed compares with the last commit, and {root} is no git checkout; name the assignments",
    "changed.none": "nothing that an assignment depends on differs from the last commit",
}


def message(name: str, /, **values: object) -> str:
    """The sentence of this name, with the values filled in."""
    return MESSAGES[name].format(**values)
