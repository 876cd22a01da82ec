"""`tito generate` as a user meets it: text from a model in a folder, and clear words where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE = """
import sys
from pathlib import Path
from tinytorch.milestones import saved, transformer
text = "KING:\\nthe queen's café and the king's.\\n" * 20
small = dict(layers=1, heads=2, width=16, seq_len=16, batch_size=8, steps=20, vocab_size=270)
for kind in ("char", "bpe"):
    writer, _ = transformer.train(text, transformer.Plan(tokenizer=kind, **small), 0, lambda line: None)
    saved.write(Path(sys.argv[1]) / kind, writer.parts())
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two trained models, `char` and `bpe`."""
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([sys.executable, "-c", MAKE, str(folder)], check=True)
    return folder


def generate(*arguments: object) -> tuple[int, str, str]:
    """Exit status, output and errors of `tito generate` on the real course."""
    order = [sys.executable, "-m", "autograder", "generate", *map(str, arguments)]
    environment = {**os.environ, "TITO_COURSE": str(ROOT)}
    done = subprocess.run(order, capture_output=True, env=environment)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_the_text_begins_with_the_prompt_and_the_same_seed_writes_it_again(models):
    options = ("--prompt", r"KING:\nthe ", "--tokens", 25, "--seed", 4, "--temperature", 0.9, "--top-p", 0.95)
    first = generate(models / "char", *options)
    assert (first[0], first[2]) == (0, "")
    assert first[1].startswith("KING:\nthe ")
    assert len(first[1].removesuffix("\n")) in (10 + 24, 10 + 25)
    assert generate(models / "char", *options) == first
    assert generate(models / "char", *options[:-6], "--seed", 5)[1] != first[1]


def test_a_prompt_may_hold_what_looks_like_an_option_and_any_sign_a_tokenizer_of_bytes_knows(models):
    status, out, _ = generate(models / "bpe", "--prompt", "--seed é🎭", "--tokens", 40, "--top-k", 50, "--seed", 1)
    assert status == 0 and out.startswith("--seed é🎭")


def test_greedy_writing_needs_no_seed(models):
    options = ("--prompt", "the ", "--tokens", 12, "--temperature", 0)
    assert generate(models / "char", *options) == generate(models / "char", *options)


WRONG = {
    "no folder": (lambda m: [m / "none"], "error: there is no folder"),
    "no model in it": (lambda m: [m], "holds no writer.json: no model was saved there; run: tito milestone run tra"),
    "a strange prompt": (lambda m: [m / "char", "--prompt", "Zoë"], "error: the model has never seen 'Z', 'o', 'ë'"),
    "no prompt": (lambda m: [m / "char", "--prompt", ""], "needs something to go on from; give another prompt"),
    "cold": (lambda m: [m / "char", "--temperature", "-1"], "-1.0 is not in the range x>=0"),
    "not a number": (lambda m: [m / "char", "--temperature", "nan"], "error: --temperature is a number"),
    "nothing left": (lambda m: [m / "char", "--top-p", "0"], "0.0 is not in the range 0<x<=1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_is_said_in_one_line_with_status_two(models, case):
    arguments, message = WRONG[case]
    status, out, err = generate(*arguments(models))
    assert (status, out) == (2, "")
    assert message in err and "Traceback" not in err


def test_a_damaged_model_is_named_by_its_file(models, tmp_path):
    for name, data in (("writer.json", b"{}"), ("model.npz", b"junk")):
        folder = tmp_path / name
        folder.mkdir()
        for file in ("writer.json", "model.npz"):
            (folder / file).write_bytes(data if file == name else (models / "char" / file).read_bytes())
        status, out, err = generate(folder)
        assert (status, out) == (2, "")
        assert err.startswith(f"error: {folder / name} is damaged") and err.count("\n") == 1


def test_files_of_two_models_do_not_fit_together(models, tmp_path):
    (tmp_path / "writer.json").write_bytes((models / "bpe" / "writer.json").read_bytes())
    (tmp_path / "model.npz").write_bytes((models / "char" / "model.npz").read_bytes())
    status, out, err = generate(tmp_path, "--prompt", "the")
    assert (status, out) == (2, "")
    assert "holds files that do not fit together" in err and "Traceback" not in err
