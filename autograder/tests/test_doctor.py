"""`tito doctor`: each point that can be wrong is found, with its remedy, and nothing is said about what is right."""

from __future__ import annotations

# ruff: noqa: F811 - fixtures come from `homes`
import json
import locale
import os
import shutil
import sys
from collections import namedtuple
from importlib import metadata

import pytest

from autograder import doctor
from autograder.doctor import Level
from autograder.messages import message
from autograder.tests.homes import TENSOR, home, releases, write_numbers  # noqa: F401

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def installed(home, monkeypatch):
    """As if the course's own environment were running, with what the release's list asks for."""
    monkeypatch.setattr(sys, "prefix", str(home.root / ".venv"))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(home.root / "jupyter"))
    brought = doctor._WHEEL.search((home.root / "requirements.txt").read_text())["version"]
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: brought if name == doctor.DISTRIBUTION else real(name))


@pytest.fixture
def found(home):
    """What is not fine, by what was looked at."""

    def examine(folder=None):
        findings = doctor.examine(home, folder or home.root / "a01_numbers")
        return {f.what: (f.level, f.told) for f in findings if f.level is not Level.FINE}

    return examine


def test_a_fresh_home_is_in_order(found, tito, home, monkeypatch):
    assert found() == {}
    monkeypatch.setenv("TITO_COURSE", str(home.root))
    status, out, err = tito("doctor", "--folder", home.root / "a01_numbers")
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "everything is in order"


def test_an_old_python_and_one_that_is_not_the_course_s_own_are_told(found, home, monkeypatch):
    old = doctor._python((3, 9, 1))
    assert (old.level, old.told) == (Level.PROBLEM, message("doctor.python_old", found="3.9.1"))
    monkeypatch.setattr(sys, "prefix", "/usr")
    assert found() == {"environment": (Level.REMARK, message("doctor.no_venv", root=home.root))}


def test_a_missing_package_another_version_and_an_older_tool_are_told(found, monkeypatch, home):
    text = (home.root / "requirements.txt").read_text()
    real = metadata.version

    def version(name):
        if name == "matplotlib":
            raise metadata.PackageNotFoundError(name)
        return {"click": "1.0", doctor.DISTRIBUTION: "0.1.0"}.get(name) or real(name)

    monkeypatch.setattr(metadata, "version", version)
    wanted = text.partition("\nclick==")[2].split()[0]
    brought = doctor._WHEEL.search(text)["version"]
    assert found() == {
        "matplotlib": (Level.PROBLEM, message("doctor.package_missing", name="matplotlib")),
        "click": (Level.REMARK, message("doctor.package_other", name="click", found="1.0", wanted=wanted)),
        "tito": (Level.PROBLEM, message("doctor.tool_old", found="0.1.0", wanted=brought)),
    }


def test_threads_text_and_disk_are_looked_at(found, home, monkeypatch):
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(locale, "getpreferredencoding", lambda setting: "cp1252")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(1, 1, 7 << 20))
    assert found() == {
        "BLAS threads": (Level.REMARK, message("doctor.threads", cores=8)),
        "text": (Level.REMARK, message("doctor.encoding", found="cp1252")),
        "disk": (Level.PROBLEM, message("doctor.disk", free=7, folder=home.root)),
    }
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert "BLAS threads" not in found()


def test_the_workspace_s_layout_and_encoding_are_looked_at(found, home):
    folder = write_numbers(home)
    (folder / "lab.ipynb").unlink()
    (folder / TENSOR).write_bytes(b"x = '\xe4'\n")
    told = found()
    assert told["layout"] == (Level.PROBLEM, message("doctor.missing_file", path="lab.ipynb"))
    remedy = "save the file as UTF-8 or retype that character"
    finding = f"{TENSOR}:1: the byte 0xe4 is not UTF-8; {remedy}"
    assert told["encoding"] == (Level.PROBLEM, message("doctor.unreadable", finding=finding))
    assert found(home.root) == {"workspace": (Level.REMARK, message("doctor.no_workspace", example="a01_numbers"))}


def test_a_folder_that_cannot_be_written_is_told(found, home, monkeypatch):
    def refuse(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    told = message("doctor.unwritable", folder=home.root, reason="Permission denied")
    assert found()["course's folder"] == (Level.PROBLEM, told)


def test_synchronised_and_very_deep_folders_are_pointed_out(tmp_path):
    cloud = tmp_path / "OneDrive - University" / "a01"
    deep = tmp_path / ("d" * 200)
    assert [f.told for f in doctor._where(cloud)] == [message("doctor.synced", folder=cloud, service="OneDrive")]
    told = message("doctor.long_path", folder=deep, length=len(str(deep)))
    assert [f.told for f in doctor._where(deep)] == [told]


def test_a_missing_kernel_and_one_of_another_python_are_told(found, home, monkeypatch):
    spec = home.root / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": ["/elsewhere/bin/python", "-m", "ipykernel_launcher"]}))
    told = message("doctor.other_kernel", found="/elsewhere/bin/python", wanted=sys.executable)
    assert found() == {"kernel": (Level.REMARK, told)}
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert found() == {"kernel": (Level.PROBLEM, message("doctor.no_kernel"))}


def test_the_command_ends_with_status_one_when_something_will_not_work(tito, home, monkeypatch):
    monkeypatch.setenv("TITO_COURSE", str(home.root))
    (home.root / "a01_numbers" / "lab.ipynb").unlink()
    status, out, err = tito("doctor", "--folder", home.root / "a01_numbers")
    assert (status, err) == (1, "")
    assert out.splitlines()[-1] == "1 problems, 0 remarks"


def test_the_lab_opens_where_the_work_is_or_says_what_is_missing(tito, home, monkeypatch):
    from autograder.cli import lab

    monkeypatch.setenv("TITO_COURSE", str(home.root))
    folder = home.root / "a01_numbers"
    monkeypatch.setattr(lab, "find_spec", lambda name: object())
    status, out, err = tito("lab", folder / "tests", "--dry-run")
    assert (status, out, err) == (0, f"in {folder}: {sys.executable} -m jupyterlab lab.ipynb\n", "")
    monkeypatch.setattr(lab, "find_spec", lambda name: None)
    assert tito("lab", folder)[2] == f"error: {message('lab.no_jupyter')}\n"
    (folder / "lab.ipynb").unlink()
    assert tito("lab", folder)[2] == f"error: {message('lab.no_lab', folder=folder)}\n"
