"""One token more by the fast form: the same tokens as without a cache and without kernels, whatever happens between two
tokens; and when the fast form stands back."""

import copy

import numpy as np
import pytest
import tinytorch as tt
from tinytorch import kernels, nn, optim
from tinytorch.core import transformers
from tinytorch.core.layers import LINEAR, Linear
from tinytorch.core.transformers import next_token_loss
from tinytorch.dispatch import add_observer, register_kernel, remove_kernel, remove_observer, use_kernels
from tinytorch.kernels import decoding
from tinytorch.perf.memoization import CachedDecoder, enable_kv_cache

SMALL = {"vocab_size": 17, "embed_dim": 24, "num_layers": 3, "num_heads": 3, "max_seq_len": 20}
VARIANTS = {
    "small": {},
    "own head": {"tie_weights": False},
    "dropout": {"dropout": 0.3},
    "one head, one layer": {"num_heads": 1, "num_layers": 1},
    "heads of one feature": {"num_heads": 24},
    "narrow MLP": {"mlp_ratio": 0.5},
}


@pytest.fixture(autouse=True)
def installed():
    before = use_kernels(False)
    kernels.install(threads=1)
    yield
    use_kernels(before)


@pytest.fixture
def taken(monkeypatch):
    """The places of the tokens that took the fast form."""
    places, step = [], decoding.Row.step
    monkeypatch.setattr(decoding.Row, "step", lambda row, token, place: places.append(place) or step(row, token, place))
    return places


def gpt(seed=0, dtype=np.float32, **settings):
    """A model whose logits depend on every token and every parameter."""
    model = nn.GPT(**{**SMALL, **settings})
    rng = np.random.default_rng(seed)
    for _, p in sorted(model.named_parameters()):
        p.data = (rng.normal(0, 0.4, p.shape) + (p.ndim == 1)).astype(dtype)
    return model


def cached(**settings):
    model = gpt(**settings)
    enable_kv_cache(model)
    return model


def clear(model, ids):
    """Logits without a cache and without kernels."""
    before = use_kernels(False)
    try:
        return model.next_logits(ids)
    finally:
        use_kernels(before)


def agree(model, ids, dtype=np.float32):
    """The decoder's logits after ids are those of the model."""
    logits, expected = model.decoder(ids), clear(model, ids)
    assert logits.dtype == expected.dtype == dtype and logits.shape == expected.shape
    tolerance = 2e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(logits, expected, rtol=0, atol=tolerance * max(np.abs(expected).max(), 1))


def some_ids(batch, length, seed=1):
    return np.random.default_rng(seed).integers(0, SMALL["vocab_size"], size=(batch, length))


def written(model, prompt, count, **how):
    return model.generate(prompt, count, **{"seed": 5, **how}).data


# ---- the same text


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_token_has_the_logits_of_the_model(variant, dtype, taken):
    model, ids = cached(dtype=dtype, **VARIANTS[variant]), some_ids(1, 20)
    for length in range(3, 21):
        agree(model, ids[:, :length], dtype)
    assert taken == list(range(3, 20))


@pytest.mark.parametrize("how", [{"temperature": 0}, {}, {"temperature": 0.7}, {"top_k": 4}, {"top_p": 0.8}])
@pytest.mark.parametrize("prompt", [1, 6])
def test_texts_are_those_without_a_cache_and_those_of_the_clear_form(how, prompt, taken):
    for variant in VARIANTS.values():
        model, ids = gpt(**variant), some_ids(1, prompt)
        texts = []
        for cache in (False, True):
            if cache:
                enable_kv_cache(model)
            for on in (False, True):
                use_kernels(on)
                taken.clear()
                texts.append(written(model, ids, 20 - prompt, **how))
                assert len(taken) == (19 - prompt if on and cache else 0)  # all but the first
        for text in texts[1:]:
            np.testing.assert_array_equal(text, texts[0])


def test_a_batch_takes_the_step_of_rows_though_a_kernel_stands_behind_linear(taken, monkeypatch):
    rows, step = [], CachedDecoder.step
    monkeypatch.setattr(CachedDecoder, "step", lambda self, tokens: rows.append(len(tokens)) or step(self, tokens))
    model, ids = cached(), some_ids(3, 20)
    assert LINEAR.indirect
    for length in range(4, 21):
        agree(model, ids[:, :length])
    assert rows == [3] * 16 and not taken
    use_kernels(False)
    expected = written(gpt(), ids[:, :4], 10)
    use_kernels(True)
    np.testing.assert_array_equal(written(model, ids[:, :4], 10), expected)


def test_texts_beyond_the_window(taken):
    model, ids = cached(), some_ids(1, 26)
    for length in range(17, 27):
        agree(model, ids[:, :length])
    assert taken == [17, 18, 19]
    np.testing.assert_array_equal(written(model, ids[:, :5], 30), written(gpt(), ids[:, :5], 30))


def test_two_texts_by_turns_and_a_text_that_changes(taken):
    model, a, b = cached(), some_ids(1, 12), some_ids(1, 12, seed=2)
    for length in range(2, 12):
        agree(model, a[:, :length])
        agree(model, b[:, :length])
    taken.clear()
    agree(model, np.concatenate([b[:, :5], a[:, 5:9]], axis=1))
    agree(model, b[:, :11])
    assert taken == []
    agree(model, b)
    assert taken == [11]


def test_scores_too_large_for_a_plain_exp_take_the_clear_form(recwarn):
    for factor in (60, -60, 1e4):
        model = cached()
        for block in model.blocks:
            block.attention.q_proj.weight.data[...] *= abs(factor)
            block.attention.q_proj.bias.data[...] = factor
            block.attention.k_proj.bias.data[...] = 3
        ids = some_ids(1, 12)
        for length in range(3, 13):
            logits, expected = model.decoder(ids[:, :length]), clear(model, ids[:, :length])
            np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-3 * np.abs(expected).max())
    assert not recwarn.list


def test_logits_and_copies_of_a_decoder_are_ones_own(taken):
    model, ids = cached(), some_ids(1, 12)
    model.decoder(ids[:, :4])
    first = model.decoder(ids[:, :5])
    kept = first.copy()
    other = copy.deepcopy(model)
    for p in other.parameters():
        p.data *= 1.3
    agree(model, ids[:, :6])
    np.testing.assert_array_equal(first, kept)
    agree(other, ids[:, :6])
    agree(other, ids[:, :7])
    agree(model, ids[:, :7])
    assert taken == [4, 5, 6, 6]


# ---- what may happen between two tokens


def trained(model, ids):
    optimizer = optim.AdamW(model.parameters(), lr=0.05)
    next_token_loss(model(ids[:, :-1]), ids[:, 1:]).backward()
    optimizer.step()
    optimizer.zero_grad()


def loaded(model, ids):
    model.load_state_dict({name: array * 1.5 for name, array in model.state_dict().items()})


def changed_in_place(model, ids):
    for p in model.parameters():
        p.data *= 1.1


def one_array_more(model, ids):
    model.blocks[1].mlp.linear2.weight.data = model.blocks[1].mlp.linear2.weight.data * 1.5


def copied(model, ids):
    for p in model.parameters():
        p.data = p.data.copy()


def made_double(model, ids):
    model.double()


def cache_reset(model, ids):
    model.decoder.cache.reset()


def cache_for_a_batch(model, ids):
    model.decoder.cache.reset(4, np.float64)


def cached_anew(model, ids):
    enable_kv_cache(model)


def in_training_mode(model, ids):
    model.train()


CHANGES = [
    trained, loaded, changed_in_place, one_array_more, copied, made_double, cache_reset, cache_for_a_batch, cached_anew,
    in_training_mode,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_the_model_may_change_between_two_tokens(change, taken):
    model, ids = cached(dropout=0.2), some_ids(1, 14)
    for length in range(3, 8):
        agree(model, ids[:, :length])
    change(model, ids)
    taken.clear()
    for length in range(8, 15):
        agree(model, ids[:, :length], np.float64 if change is made_double else np.float32)
    assert taken[-6:] == list(range(8, 14))


@pytest.mark.parametrize("change", [trained, loaded, changed_in_place])
def test_the_model_may_change_between_two_texts_and_while_one_is_streamed(change):
    prompt, models = some_ids(1, 3), [gpt(), cached()]
    for on, model in enumerate(models):
        use_kernels(bool(on))
        model.texts = [written(model, prompt, 9)]
        change(model, some_ids(1, 14))
        model.texts.append(written(model, prompt, 9))
        stream = model.stream(prompt, 9, seed=5)
        model.texts.append([next(stream) for _ in range(4)])
        change(model, some_ids(1, 14))
        model.texts.append(list(stream))
    for one, other in zip(models[0].texts, models[1].texts, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("prompt", [1, 2])
@pytest.mark.parametrize("clearly", [0, 1, 3])
def test_a_reset_cache_sees_a_change_that_the_snapshot_does_not(prompt, clearly, taken):
    model, ids = cached(), some_ids(1, 9)
    written(model, ids[:, :prompt], 6)
    for layer in (model.blocks[0].attention.q_proj, model.blocks[1].mlp.linear2):
        layer.weight.data[0] += 2
    assert model.decoder.snapshot.is_current()
    model.decoder.cache.reset()
    taken.clear()
    for length in range(prompt, 10):
        use_kernels(length >= prompt + clearly)
        agree(model, ids[:, :length])
    assert taken == list(range(prompt + max(clearly, 1) - 1, 9))


def test_kernels_may_be_switched_in_the_middle_of_a_text(taken):
    model, ids = cached(), some_ids(1, 20)
    for length in range(3, 21):
        use_kernels(length % 3 > 0)
        agree(model, ids[:, :length])
    assert taken == [n - 1 for n in range(4, 21) if n % 3]


# ---- who is not replaced


def test_who_watches_the_ops_sees_every_linear_map(taken):
    model, ids, seen = cached(), some_ids(1, 6), []
    model.decoder(ids[:, :5])
    add_observer(observer := lambda op, *rest: seen.append(op.name))
    try:
        logits = model.decoder(ids)
    finally:
        remove_observer(observer)
    assert seen.count("linear") == 6 * SMALL["num_layers"] + 1 and not taken
    np.testing.assert_allclose(logits, clear(model, ids), atol=1e-4)


def test_a_kernel_of_somebody_else_behind_linear_runs(taken):
    model, ids, rows = cached(), some_ids(1, 6), []
    model.decoder(ids[:, :5])
    kernel = register_kernel("linear", LINEAR.forward, lambda *arrays: rows.append(1) or True)
    try:
        agree(model, ids)
    finally:
        remove_kernel(kernel)
    assert rows and not taken


class Doubling(Linear):
    def forward(self, x):
        return super().forward(x) * 2


class OwnStep(CachedDecoder):
    def step(self, tokens):
        return np.full((len(tokens), SMALL["vocab_size"]), 7, np.float32)


def test_layers_and_decoders_of_other_kinds_are_asked_themselves(taken):
    model, ids = gpt(), some_ids(1, 8)
    old, new = model.blocks[0].mlp.linear1, Doubling(24, 96)
    new.weight, new.bias = old.weight, old.bias
    model.blocks[0].mlp.linear1 = new
    enable_kv_cache(model)
    for length in (6, 7, 8):
        agree(model, ids[:, :length])
    other = gpt()
    other.decoder = OwnStep(other, enable_kv_cache(other))
    other.generate(ids[:, :2], 3)
    use_kernels(False)
    other.decoder(ids[:, :7])
    assert (other.decoder(ids) == 7).all()
    assert taken == []


@pytest.mark.parametrize("theirs", kernels._DECODING)
def test_nobody_stands_in_where_a_student_wrote_a_layer_or_the_decoder(monkeypatch, theirs):
    asked = []
    monkeypatch.setattr(kernels, "register_kernel", lambda *rest: None)
    monkeypatch.setattr(decoding, "install", lambda: asked.append(1))
    for student in (theirs, "tinytorch/core/spatial.py"):
        monkeypatch.setattr(kernels, "_installed", [])
        monkeypatch.setattr(kernels, "is_reference", lambda file: file != student)  # noqa: B023
        kernels.install(threads=1)
        assert len(asked) == (student != theirs)


def test_switched_off_the_clear_functions_are_in_their_places():
    for stand_in in decoding.install():
        assert vars(stand_in.owner)[stand_in.name] is stand_in.fast
    use_kernels(False)
    for stand_in in decoding.install():
        assert vars(stand_in.owner)[stand_in.name] is stand_in.clear


# ---- drawing


@pytest.mark.parametrize("temperature", [0, 1e-3, 0.5, 1, 1.0, 3])
@pytest.mark.parametrize("size", [1, 65, 5000])
def test_one_row_is_drawn_as_in_the_clear_form_to_the_last_bit(temperature, size):
    rng, fast, slow = (np.random.default_rng(0) for _ in range(3))
    for scale in (0.1, 1, 30):
        for dtype in (np.float32, np.float64):
            logits = (scale * rng.normal(size=(1, size))).astype(dtype)
            p = transformers.probabilities_of(logits, temperature)
            expected = transformers.probabilities_of.__wrapped__(logits, temperature)
            assert p.dtype == expected.dtype == np.float64
            np.testing.assert_array_equal(p, expected)
            token, other = transformers.draw(p, fast), transformers.draw.__wrapped__(expected, slow)
            assert token.dtype == other.dtype and token.shape == other.shape == (1,)
            assert token == other and fast.bit_generator.state == slow.bit_generator.state


def test_wrong_settings_and_a_diverged_model_are_told():
    with pytest.raises(ValueError, match="diverged"):
        transformers.probabilities_of(np.array([[0, np.nan]]))
    with pytest.raises(ValueError, match="temperature"):
        transformers.probabilities_of(np.zeros((1, 3)), -1.0)
    model = cached()
    model.ln_f.bias.data[...] = np.nan
    with pytest.raises(ValueError, match="diverged"):
        written(model, [[1]], 4)


def test_nothing_is_remembered_of_a_generate_that_broke_off(monkeypatch):
    model = cached()
    monkeypatch.setattr(transformers, "draw", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        written(model, [[1]], 4)
    assert not decoding._writing
    assert tt.use_kernels(True)
