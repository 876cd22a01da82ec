"""The transformer program: training, the next character through tokens, streaming, and models in folders."""

import json

import numpy as np
import pytest
from tinytorch.dispatch import use_kernels
from tinytorch.milestones import foresight, saved
from tinytorch.milestones import transformer as program
from tinytorch.milestones.transformer import Plan, UnknownCharacter, Writer

TEXT = "ROMEO:\nthe knave of the king knows the knight, and the knight knows the knave.\n" * 12
TINY = Plan(layers=1, heads=2, width=16, seq_len=16, batch_size=8, steps=30, lr=1e-2, sample_every=20)


@pytest.fixture(autouse=True)
def kernels_as_before():
    before = use_kernels(False)
    yield
    use_kernels(before)


def train(**changes):
    said = []
    writer, history = program.train(TEXT, program.replace(TINY, **changes), 1, said.append)
    return writer, history, said


@pytest.fixture(scope="module")
def writers():
    return {kind: train(tokenizer=kind, vocab_size=280) for kind in ("char", "bpe")}


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_a_network_learns_says_so_and_writes_as_it_goes(writers, kind):
    _, history, said = writers[kind]
    assert history["step"][-1] == 30 and len({len(values) for values in history.values()}) == 1
    assert history["train_loss"][-1] < history["train_loss"][0]
    assert said[0].endswith("30 steps") and said[-1].startswith("step 30 of 30: loss ")
    assert sum(text.startswith("ROMEO:\n") for text in said) == 1


def test_the_same_seed_trains_the_same_network_and_another_one_another(writers):
    arrays = writers["char"][0].parts()["arrays"]
    again = train()[0].parts()["arrays"]
    assert all(np.array_equal(arrays[name], again[name]) for name in arrays)
    other, _ = program.train(TEXT, TINY, 2, lambda line: None)
    assert not np.array_equal(other.parts()["arrays"]["ln_f.weight"], arrays["ln_f.weight"])


def test_a_plan_for_another_kind_of_token_is_refused():
    with pytest.raises(ValueError, match="'char' or 'bpe', got 'word'"):
        Plan(tokenizer="word")


# The next character.


def by_hand(writer, text):
    """What `foresight` computes, by trying all rows of tokens to the end."""
    tokenizer, named = writer.tokenizer, [writer.tokenizer.decode([i]) for i in range(writer.tokenizer.vocab_size)]
    cut = len(text) - len(text.split(" ")[-1]) - 1
    found = {}

    def follow(ids, rest, weight):
        logits = writer.model.next_logits(np.array([ids]))[0].astype(np.float64)
        p = np.exp(logits - logits.max())
        p /= p.sum()
        for i, name in enumerate(named):
            if "\ufffd" in name:
                continue
            if len(name) > len(rest) and name.startswith(rest):
                c = name[len(rest)]
                found[c] = found.get(c, 0) + weight * p[i]
            elif rest.startswith(name):
                follow([*ids, i], rest[len(name) :], weight * p[i])

    follow(tokenizer.encode(text[:cut]), text[cut:], 1.0)
    total = sum(found.values())
    return {c: p / total for c, p in found.items()}


def test_the_next_character_is_summed_over_all_ways_to_write_the_word_so_far(writers):
    writer = writers["bpe"][0]
    next_character = foresight.of(writer)
    texts = ["the knave of the kni", "the king knows the", "and the knight k"]
    found = next_character(texts)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    for text, row in zip(texts, found, strict=True):
        wanted = by_hand(writer, text)
        np.testing.assert_allclose(row, [wanted.get(c, 0) for c in next_character.characters], atol=2e-3)


def test_characters_as_tokens_are_foreseen_by_the_model_s_own_probabilities(writers):
    writer = writers["char"][0]
    next_character = foresight.of(writer)
    texts = ["the knave", "and", "of the kni"]
    assert "<UNK>" not in next_character.characters and set(next_character.characters) == set(TEXT)
    for text, row in zip(texts, next_character(texts), strict=True):
        logits = writer.model.next_logits(np.array([writer.tokenizer.encode(text)]))[0].astype(np.float64)
        p = np.exp(logits)[[writer.tokenizer.char_to_id[c] for c in next_character.characters]]
        np.testing.assert_allclose(row, p / p.sum(), atol=1e-6)


def test_a_text_longer_than_the_window_and_one_of_a_single_word_have_a_next_character(writers):
    for kind in ("char", "bpe"):
        rows = foresight.of(writers[kind][0])([TEXT[:70], "kn"])
        assert rows.shape[0] == 2 and np.isfinite(rows).all()
        np.testing.assert_allclose(rows.sum(axis=1), 1)


# Writing.


def test_a_stream_is_the_text_and_the_prompt_comes_first(writers):
    writer = writers["bpe"][0]
    parts = list(writer.stream("the k", 20, 0.8, seed=3, top_k=5))
    assert parts[0] == "the k"
    assert "".join(parts) == writer.write("the k", 20, 0.8, seed=3, top_k=5)
    ids = writer.tokenizer.encode("the k")
    assert len(writer.tokenizer.encode("".join(parts))) >= len(ids)


class Bytes:
    """A model that writes given bytes, one token each."""

    training = False

    def __init__(self, data):
        self.data = data

    def stream(self, ids, tokens, temperature, seed=None, **cut):
        yield from (np.array([b]) for b in self.data[:tokens])


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ("a€b".encode(), ["a", "€", "b"]),
        ("🎭".encode() + b"x", ["🎭", "x"]),
        ("é".encode()[:1], []),
        (b"\xe2ab", ["\ufffda", "b"]),
    ],
)
def test_characters_of_several_bytes_are_never_shown_in_part(writers, data, parts):
    writer = Writer(TINY, writers["bpe"][0].tokenizer, Bytes(data))
    assert list(writer.stream("x", 9, 1.0)) == ["x", *parts]


def test_a_prompt_the_model_cannot_read_is_refused_by_its_characters(writers):
    with pytest.raises(UnknownCharacter, match="has never seen 'Z', 'é'; give another prompt"):
        writers["char"][0].write("éaZ")
    with pytest.raises(UnknownCharacter, match="needs something to go on from"):
        writers["char"][0].write("")
    assert writers["bpe"][0].write("éaZ", 0) == "éaZ"


# Folders.


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_a_writer_comes_back_from_its_folder_as_it_was(writers, kind, tmp_path):
    writer = writers[kind][0]
    assert [p.name for p in saved.write(tmp_path / "new" / "one", writer.parts())] == ["model.npz", "writer.json"]
    again = Writer.of(saved.read(tmp_path / "new" / "one"))
    assert again.plan == writer.plan
    assert again.write("the ", 30, seed=5) == writer.write("the ", 30, seed=5)
    assert sorted(p.name for p in (tmp_path / "new" / "one").iterdir()) == ["model.npz", "writer.json"]


def test_what_is_no_model_is_not_written_and_leaves_the_old_one(writers, tmp_path):
    parts = writers["char"][0].parts()
    saved.write(tmp_path, parts)
    before = (tmp_path / "writer.json").read_bytes()
    for wrong in ({"arrays": {"w": np.array([1])}}, {"arrays": {"w": [1.0]}}):
        with pytest.raises(saved.SavedError, match="arrays hold floats"):
            saved.write(tmp_path, {**parts, **wrong})
    with pytest.raises((TypeError, ValueError)):
        saved.write(tmp_path, {**parts, "plan": {"lr": float("nan")}})
    assert (tmp_path / "writer.json").read_bytes() == before
    assert Writer.of(saved.read(tmp_path)).plan == writers["char"][0].plan


DAMAGE = {
    "no folder": (lambda folder: None, "there is no folder"),
    "no model": (lambda f: (f / "model.npz").unlink(), "holds no model.npz: no model was saved there"),
    "no description": (lambda f: (f / "writer.json").unlink(), "holds no writer.json"),
    "no json": (lambda f: (f / "writer.json").write_text("{"), "writer.json is damaged .JSONDecodeError"),
    "no plan": (lambda f: (f / "writer.json").write_text("{}"), "writer.json is damaged .KeyError"),
    "no dict": (lambda f: (f / "writer.json").write_text("[1]"), "writer.json is damaged .TypeError"),
    "no text": (lambda f: (f / "writer.json").write_bytes(b"\xff\xfe"), "writer.json is damaged .UnicodeDecodeError"),
    "no zip": (lambda f: (f / "model.npz").write_bytes(b"junk"), "model.npz is damaged"),
    "empty": (lambda f: (f / "model.npz").write_bytes(b""), "model.npz is damaged .EOFError"),
    "cut short": (lambda f: _cut(f / "model.npz"), "model.npz is damaged"),
    "a flipped byte": (lambda f: _flip(f / "model.npz"), "model.npz is damaged"),
}


def _cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_folder_without_a_whole_model_is_told_by_its_file(writers, tmp_path, damage):
    harm, message = DAMAGE[damage]
    folder = tmp_path / "model"
    if damage != "no folder":
        saved.write(folder, writers["char"][0].parts())
    harm(folder)
    with pytest.raises(saved.SavedError, match=message):
        saved.read(folder)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("plan", {"width": 18}, "shape"), ("plan", {"depth": 2}, "not the plan"), ("plan", {"tokenizer": "word"}, "word"),
        ("tokenizer", {"vocab": ["<UNK>", "a"]}, "shape"), ("plan", {"layers": 2}, "missing key"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_together_are_no_writer(writers, part, change, message):
    parts = json.loads(json.dumps({k: v for k, v in writers["char"][0].parts().items() if k != "arrays"}))
    parts[part] |= change
    with pytest.raises(ValueError, match=message):
        Writer.of({**parts, "arrays": writers["char"][0].parts()["arrays"]})
