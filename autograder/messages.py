"""The catalogue of what a student can be told when something is not as it should be, at home and by the grader.

One table: a name, and a sentence that names the thing and the remedy. Whoever refuses, remarks or judges asks for the
sentence by its name, so all of them can be read, compared and translated in one place, and a run of all tests fails
when one of them was not brought about (`autograder/tests/hearing.py`). Not in here: what course.yaml and the course's
own files make their authors read, the words of click about a command's options, and what the framework itself raises.
"""

from __future__ import annotations

MESSAGES = {
    # finding the course, an assignment, a workspace
    "course.none": (
        "no {file} here or in any folder above; run tito inside the course's folder or set TITO_COURSE to it"
    ),
    "course.no_assignment": "no assignment is called '{name}'; choose one of {known}",
    "course.no_milestone": "no milestone is called '{name}'; choose one of {known}",
    "workspace.none": "{folder} is not an assignment's folder; go to the folder that holds lab.ipynb and tinytorch/",
    "compose.no_files": (
        "{folder} holds none of the files of {key} ({wanted}); point to the folder that contains tinytorch/"
    ),
    "compose.not_empty": "{folder} is not empty; composing needs a folder of its own",
    "data.none": "no data set {name}",
    # check
    "check.no_tests": "{folder} has no tests/ folder; unpack the assignment's zip again, or run: tito build {key}",
    "check.no_question": "no question is called '{question}'; choose one of {known}",
    "check.import_endless": "importing your module does not end; look at what stands outside of its functions",
    "check.import_exits": "importing your module ends the process; look at what stands outside of its functions",
    "check.loop": "no answer within {seconds:g} s: is there a loop that never ends?",
    "check.ended": "the process ended (status {status}) in the middle of this case",
    # judge: what a case ends as
    "judge.asked": "asked:    {asked}\nexpected: an answer\ncame:     {came}",
    "judge.raised": "your code {what}",
    "judge.unwritten": "not written yet: {what}",
    "judge.no_answer": "no answer within {seconds:g} s",
    "judge.unreadable": "a value that the test cannot read ({what})",
    "judge.ended": "the process ended: {how}",
    "judge.how_cpu": "it used more CPU time than a case may",
    "judge.how_signal": "it was ended by {signal}",
    "judge.how_silent": "it stopped without an answer (os._exit, a crash, or too much memory)",
    "judge.import_raised": "importing your module {what}",
    "judge.import_slow": "importing your module did not end within {seconds:g} s",
    "judge.import_ended": "importing your module ended the process: {how}",
    "judge.unimported": "the module cannot be imported, so this was not tried",
    "judge.late": "not run: the {seconds:g} s for the whole submission were used up before it",
    "judge.not_run": "this has not run yet",
    "judge.ours": "The grader failed here, not your program. A person has been asked to look; you lose nothing by it.",
    "judge.printed": "your program printed:\n{text}",
    "judge.hidden_unwritten": "a function that this needs is not written yet",
    "judge.hidden_raised": "your code raised an exception",
    "judge.hidden_slow": "your code took too long",
    "judge.hidden_ended": "your code ended the process",
    # expect: how an answer differs
    "expect.arrangement": "the number of elements is right, their arrangement is not",
    "expect.between": "{what} between {low:g} and {high:g}",
    "expect.difference": "first difference at {at}: expected {expected}, came {came}",
    "expect.differences": (
        "first difference at {at}: expected {expected}, came {came} ({wrong} of {size} elements differ)"
    ),
    "expect.element": "element {at} is {value}",
    "expect.finite": "finite numbers everywhere",
    "expect.mentions": "an error message that mentions {texts}",
    "expect.no_error": "no error; it returned {value}",
    "expect.not_so": "that does not hold",
    "expect.raised": "{error} is raised",
    "expect.ratio": (
        "asked:    {probe} and {other} in turn, on the same inputs\n"
        "expected: at most {times:g} times {whose} CPU time\ncame:     more, in {count} measurements"
    ),
    # lint
    "lint.size": "the file is larger than {limit} KB; submit source code only",
    "lint.nul": "a NUL byte: this is not a text file; save it as UTF-8",
    "lint.not_utf8": "the byte 0x{byte:02x} is not UTF-8; save the file as UTF-8 or retype that character",
    "lint.declared": "the file declares the encoding '{name}'; remove that line and save the file as UTF-8",
    "lint.conflict": "a merge conflict was left here; keep one side and remove the markers",
    "lint.syntax": "Python cannot read this: {problem}",
    "lint.file": "Python cannot read this file: {problem}",
    "lint.nesting": "the code is nested too deeply for Python to read; split the expression",
    "lint.climbs": "this relative import climbs above the package tinytorch; write `from tinytorch... import ...`",
    "lint.no_place": "the module '{module}' has no place in this assignment; remove the import",
    "lint.ready_made": (
        "'{module}' already does what you are asked to build; remove it and write it yourself:"
        " only {allowed} and the standard library may be imported"
    ),
    "lint.not_allowed": (
        "'{module}' may not be imported: only {allowed} and the standard library may be imported; remove the import"
    ),
    "lint.later": (
        "'{module}' belongs to {key}, which {assignment} does not build on;"
        " use only what the earlier assignments it requires provide"
    ),
    "lint.dynamic": "`{name}` runs code that no one can read beforehand; write it out",
    "lint.import_module": "import modules with an `import` statement at the top of the file",
    "lint.unwritten": "{what} is not written yet",
    # intake: the upload as a whole
    "intake.nothing_there": "there is no file or folder {source}; check the path",
    "intake.python_file": "{file} is a Python file; submit a zip (made by `tito submit`), a folder or a notebook",
    "intake.many_files": (
        "{label} holds {count} files, more than the {limit} allowed;"
        " submit only the assignment's files (`tito submit` makes such a zip)"
    ),
    "intake.many_entries": "{label} holds more than {limit} entries; submit only the assignment's files",
    "intake.large": (
        "{label} holds {total:.0f} MB unpacked, more than the {limit} MB allowed; leave out data such as {path}"
    ),
    "intake.zip_large": "{label} is larger than {limit} MB; zip only the files of the assignment",
    "intake.zip_empty": "{label} is empty (0 bytes); make the zip again with `tito submit`",
    "intake.zip_names": "{label} holds a file name that is not UTF-8; make the zip again with `tito submit`",
    "intake.zip_damaged": (
        "{label} is a damaged zip file (the upload may have been cut off); make the zip again with `tito submit`"
    ),
    "intake.no_zip": "{label} is not a zip file; make the zip again with `tito submit`",
    "intake.other_format": "{label} is {what}, not a zip file; make the zip again with `tito submit`",
    "intake.unreadable": "cannot read {path}: {reason}; check the path and its permissions",
    "intake.notebook_unreadable": "{label} is not a readable notebook; open it in Jupyter and save it again",
    "intake.notebook_old": "{label} is not a notebook of the current format; open it in Jupyter and save it again",
    "intake.append_first": (
        "{label}: code cell {number} appends to {path}, which no earlier cell writes;"
        " begin the first cell of that file with `%%writefile {path}`"
    ),
    # intake: which file is meant
    "intake.no_files": "{label} holds no files; expected {wanted}",
    "intake.no_usable": "{label} holds no files that can be used ({path}: {reason}); expected {wanted}",
    "intake.no_cell": (
        "{label} has no cell that writes {wanted};"
        " begin the cell that holds that file with the line `%%writefile {path}`"
    ),
    "intake.barred": "{path} in {label} cannot be used: {reason}",
    "intake.wrong_assignment": (
        "wrong assignment: {label} holds {path} of {owner}{more}, but {key} expects {wanted};"
        " submit it to {owner}, or make the zip in the folder of {key}"
    ),
    "intake.missing": "{wanted} is missing from {label}; found {found}; {remedy}",
    "intake.rename": "rename {path} to {wanted} if that is the file you mean",
    "intake.inner_zip": "a zip inside the upload is not opened: submit the inner one",
    "intake.make_zip": "make the zip with `tito submit {short}`",
    "intake.repeated": "{path} is in {label} {count} times; keep one",
    "intake.case_only": "{names} differ only in upper and lower case; keep {path}",
    "intake.ambiguous": "{count} files could be {path}: {names}; keep one, at {path}",
    # intake: what is in the file
    "intake.file_large": "{path} is larger than {limit} KB, the most it may hold; leave data out of it",
    "intake.file_itself": "{path} is not an ordinary file; submit the file itself",
    "intake.entry_damaged": "{path} is damaged inside {label}; make the zip again with `tito submit`",
    "intake.empty_file": "{path} is empty; save your work in the editor, then submit again",
    "intake.utf16": "{path} is saved as UTF-16; save it as UTF-8 (in the editor: 'save with encoding')",
    "intake.nul": "{path}:{line} holds a NUL byte, so it is not a text file; save it again as UTF-8",
    "intake.not_utf8": (
        "{path}:{line} holds the byte 0x{byte:02x}, which is not UTF-8;"
        " save the file as UTF-8 or retype that character"
    ),
    # intake: what was put right, and why a file plays no part
    "intake.mark_removed": "{path} began with a byte order mark, which was removed",
    "intake.not_submitted": "{path} was not submitted; the untouched stub stands in for it",
    "intake.from_notebook": "{path} was read from the notebook {notebook}",
    "intake.from_folder": "{path} was taken from the folder {folder}",
    "intake.taken_as": "{path} was taken as {wanted}",
    "intake.backslashes": "the zip's paths hold backslashes, which were read as folders",
    "intake.reflections": "{count} files are called {name}, so none was taken; keep one beside tinytorch/",
    "intake.reflection_not_utf8": "it is not UTF-8 text; save it again as UTF-8",
    "intake.another_copy": "another copy of {path}; {other} counts",
    "intake.of_other": "belongs to {key}",
    "intake.of_frame": "belongs to the framework's frame, which is given",
    "intake.pth": "a .pth file, which Python would run at start; it is never used",
    "intake.shadows": "named like the module '{module}', which it would hide; it is never used",
    "intake.archive": "an archive inside the upload, which is not opened",
    "intake.no_part": "not part of this assignment",
    "intake.link": "it is a link; submit the file itself",
    "intake.not_ordinary": "it is not an ordinary file",
    "intake.encrypted": "it is encrypted; make the zip without a password",
    "intake.compressed": "it is compressed in an unusual way; make the zip with `tito submit`",
    "intake.overlaps": "its data overlaps another entry's",
    "intake.bomb": "it would unpack to {size:.0f} MB from {bytes} bytes",
    "intake.folder_unreadable": "the folder cannot be read",
    "intake.cannot_read": "it cannot be read",
    "intake.backslash": "its name holds a backslash",
    "intake.long": "its path is too long",
    "intake.controls": "its name holds control characters",
    "intake.absolute": "its path is absolute",
    "intake.leaves": "its path leaves the upload",
    "intake.nameless": "it has no name",
    "intake.deep": "its folders are nested too deeply",
    # submit
    "submit.no_folder": "there is no folder {folder}; go to the assignment's folder or name it with --folder",
    "submit.unwritable": "cannot write {file}: {reason}; choose another place with --out",
    "submit.no_place": "there is no folder {folder} to write {file} into; make it first",
    "submit.no_zip": "{file} does not end in .zip; write --out {stem}.zip",
    "submit.several": "{folder} holds files of {keys}; name one: tito submit {short}",
    "submit.none": (
        "{folder} holds no file of any assignment;"
        " go to the assignment's folder, or name both: tito submit a01 --folder DIR"
    ),
    "submit.left_out": "{path} is left out: {reason}",
    "submit.one_unwritten": "1 function is not written yet",
    "submit.unwritten": "{count} functions are not written yet",
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
    "validate.broken": "it could not be validated to the end ({error}); the traceback above says where",
}


def message(name: str, /, **values: object) -> str:
    """The sentence of this name, with the values filled in."""
    return MESSAGES[name].format(**values)
