# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lab 13: a model that writes
#
# You train a small GPT on a text whose difficulty is known exactly, watch what it writes on the way, and then turn the
# knobs: temperature, top-p, depth, normalisation, length. Write `tinytorch/core/transformers.py` first; `tito check`
# tells how far you are. After you change that file, restart the kernel and run from the top.
#
# Before you run a cell that asks something, write your answer down.

# %%
from autograder.workspace import open_workspace

open_workspace()

# %%
import math
import re
import time

import matplotlib.pyplot as plt
import numpy as np
from tinytorch.core.optimizers import AdamW, CosineAnnealingLR, LinearWarmup
from tinytorch.core.tensor import manual_seed
from tinytorch.core.tokenization import CharTokenizer
from tinytorch.core.training import clip_grad_norm_
from tinytorch.core.transformers import (
    GPT,
    TransformerBlock,
    evaluation,
    next_token_loss,
    perplexity,
    probabilities_of,
)

plt.rcParams.update({"figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
BLUE, GREEN, YELLOW, RED, GREY = "#31688e", "#35b779", "#edae49", "#d1495b", "0.6"

# %% [markdown]
# ## 1. A language of one sentence
#
# Every sentence of our language is built alike, from words that are drawn by lot:
#
#     the old foxes that met the crow sing at noon.
#
# The verb agrees with the animal at the *beginning* (`foxs sing`, `fox sings`; the plural is spelled without mercy),
# whatever number the animal in the middle has. A model that writes letter by letter has to look some twenty letters
# back to get it right.
#
# Seven draws make a sentence, so we know what no model can know: the entropy of a sentence is the sum of the logarithms
# of the numbers of choices. Divided by its length this is a floor for the loss a letter.
#
# **Predict:** the floor is about 0.26 nats a letter, a perplexity of 1.3. At which letters of a sentence does a perfect
# model hesitate, and at which not at all? What perplexity does an untrained model have?

# %%
ADJECTIVES = ["old", "red", "shy", "tall", "wise", "lazy"]
ANIMALS = ["fox", "owl", "bear", "crow", "goat", "duck", "frog", "lamb"]
DEEDS = ["saw", "fed", "met", "led", "hid", "woke"]
VERBS = ["sleep", "sing", "wait", "hum", "swim", "nod"]
PLACES = ["by the sea", "in the sun", "at noon", "under a tree", "in town", "all day"]


def sentence(rng):
    many, others = rng.integers(2, size=2).tolist()
    adjective, animal, deed, other, verb, place = (
        words[rng.integers(len(words))] for words in (ADJECTIVES, ANIMALS, DEEDS, ANIMALS, VERBS, PLACES)
    )
    subject = f"the {adjective} {animal}{'s' * many} that {deed} the {other}{'s' * others}"
    return f"{subject} {verb}{'s' * (1 - many)} {place}.\n"


SENTENCE = re.compile(
    rf"the ({'|'.join(ADJECTIVES)}) ({'|'.join(ANIMALS)})(s?) that ({'|'.join(DEEDS)}) the ({'|'.join(ANIMALS)})s? "
    rf"({'|'.join(VERBS)})(s?) ({'|'.join(PLACES)})\."
)


def judged(line):
    """Whether a line is made of the right words in the right order, and whether its verb agrees as well."""
    found = SENTENCE.fullmatch(line)
    return bool(found), bool(found) and bool(found[3]) != bool(found[7])


WINDOW = 56  # a whole sentence and the beginning of the next


def windows_of(sentences):
    """Ids (n, WINDOW + 1), each row from the beginning of a sentence on."""
    text = "".join(sentences)
    starts = np.cumsum([0, *(len(line) for line in sentences)])
    starts = starts[starts + WINDOW < len(text)]
    return np.array(tokenizer.encode(text))[starts[:, None] + np.arange(WINDOW + 1)]


rng = np.random.default_rng(0)
train_sentences = [sentence(rng) for _ in range(4000)]
new_sentences = [sentence(rng) for _ in range(200)]
tokenizer = CharTokenizer()
tokenizer.build_vocab(train_sentences)
train_rows, new_rows = windows_of(train_sentences), windows_of(new_sentences)
LETTERS = sum(len(line) for line in train_sentences)
CHOICES = len(ADJECTIVES) * len(ANIMALS) ** 2 * len(DEEDS) * len(VERBS) * len(PLACES) * 4
FLOOR = math.log(CHOICES) / (LETTERS / len(train_sentences))
print(train_sentences[0] + train_sentences[1])
print(f"{CHOICES:,} sentences; {LETTERS:,} letters to learn from; vocabulary {tokenizer.vocab_size}")
print(f"a sentence holds {math.log(CHOICES):.2f} nats: {FLOOR:.3f} a letter, perplexity {math.exp(FLOOR):.2f}")

# %% [markdown]
# ## 2. Where the parameters are
#
# **Predict:** which part of our small model holds most of its parameters: embeddings, attention or MLPs? And of GPT-2,
# with a vocabulary of 50,257? Tied weights save one matrix (V, D): what share is that of each?

# %%
SIZES = {"vocab_size": tokenizer.vocab_size, "embed_dim": 48, "num_layers": 2, "num_heads": 4, "max_seq_len": WINDOW}


def parts(vocab_size, embed_dim, num_layers, num_heads, max_seq_len):
    """Parameters by part, counted with a pencil."""
    d = embed_dim
    return {
        "tokens": vocab_size * d,
        "positions": max_seq_len * d,
        "attention": num_layers * 4 * (d * d + d),
        "MLPs": num_layers * (8 * d * d + 5 * d),
        "norms": (2 * num_layers + 1) * 2 * d,
    }


MODELS = {"ours": SIZES}
for name, (d, layers, heads) in {
    "GPT-2": (768, 12, 12),
    "GPT-2 medium": (1024, 24, 16),
    "GPT-2 XL": (1600, 48, 25),
}.items():
    MODELS[name] = dict(vocab_size=50257, embed_dim=d, num_layers=layers, num_heads=heads, max_seq_len=1024)

manual_seed(1)
model = GPT(**SIZES)
print(f"ours: {model.num_parameters():,} parameters, counted with a pencil {sum(parts(**SIZES).values()):,}")
for name, sizes in MODELS.items():
    count = parts(**sizes)
    total = sum(count.values())
    print(f"{name:13} {total:13,}   " + "  ".join(f"{part} {n / total:5.1%}" for part, n in count.items()))


def draw_parts(ax):
    left = np.zeros(len(MODELS))
    shares = np.array(
        [[n / sum(parts(**sizes).values()) for n in parts(**sizes).values()] for sizes in MODELS.values()]
    )
    for part, share, colour in zip(parts(**SIZES), shares.T, (YELLOW, RED, BLUE, GREEN, GREY), strict=True):
        ax.barh(list(MODELS), share, left=left, color=colour, label=part, height=0.65)
        left += share
    ax.invert_yaxis()
    ax.set(xlim=(0, 1), xlabel="share of the parameters", title="Where the parameters are")
    ax.legend(frameon=False, fontsize=6.5, ncols=5, loc="upper center", bbox_to_anchor=(0.45, -0.22), handlelength=1)


# %% [markdown]
# ## 3. Training
#
# 500 steps with 12 windows each; all windows begin with a sentence. After some steps the model writes a sentence,
# greedily, after the word `the`.
#
# **Predict:** the loss begins at the logarithm of the vocabulary. In which order will the model learn: the frequencies
# of the letters, the words, the order of the words, the agreement of the verb?

# %%
STEPS = 500


def train(model, steps, lr, careful=True, batch_size=12, snapshots=()):
    """The loss of every step, and what the model writes after the steps in `snapshots`.

    Careful means warm-up, a rate that falls, and clipped gradients.
    """
    rng = np.random.default_rng(2)
    optimizer = AdamW(model.parameters(), lr=lr)
    scheduler = LinearWarmup(optimizer, 20, after=CosineAnnealingLR(optimizer, max(steps - 20, 1), eta_min=lr / 20))
    losses, written = [], {}
    for step in range(1, steps + 1):
        rows = train_rows[rng.integers(len(train_rows), size=batch_size), : model.max_seq_len + 1]
        if not careful:
            optimizer.lr = lr
        optimizer.zero_grad()
        loss = next_token_loss(model(rows[:, :-1]), rows[:, 1:])
        loss.backward()
        if careful:
            clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        if step in snapshots:
            written[step] = spoken(model.generate(tokenizer.encode("the "), 50, temperature=0).tolist())
    return losses, written


def spoken(ids):
    """Ids as text, up to the end of the sentence."""
    return tokenizer.decode(ids).split("\n")[0]


print(f"perplexity before training: {perplexity(model, new_rows):.2f}, of {tokenizer.vocab_size} tokens")
start = time.perf_counter()
losses, written = train(model, STEPS, lr=1e-2, snapshots=(5, 20, 50, 100, 200, STEPS))
print(f"{STEPS} steps in {time.perf_counter() - start:.1f} s")
for step, text in written.items():
    print(f"step {step:4}  loss {losses[step - 1]:.2f}  {text}")
print(f"perplexity of new sentences: {perplexity(model, new_rows):.3f}; the floor is about {math.exp(FLOOR):.3f}")


def smooth(values, width=8):
    return np.convolve(values, np.ones(width) / width, mode="valid")


def draw_losses(ax):
    ax.plot(losses, color=BLUE, alpha=0.25, linewidth=0.8)
    ax.plot(np.arange(len(losses) - 7) + 4, smooth(losses), color=BLUE)
    ax.axhline(math.log(tokenizer.vocab_size), color=GREY, linestyle=":", linewidth=1)
    ax.text(STEPS, math.log(tokenizer.vocab_size), "knows nothing", fontsize=7, color="0.4", ha="right", va="bottom")
    ax.axhline(FLOOR, color=RED, linestyle="--", linewidth=1)
    ax.text(STEPS, FLOOR - 0.03, "knows the language", fontsize=7, color=RED, ha="right", va="top")
    for i, (step, text) in enumerate(written.items()):
        ax.annotate(
            f"{step:4}  {text[:54]}",
            (step, losses[step - 1]),
            xytext=(0.36, 0.88 - 0.085 * i),
            textcoords="axes fraction",
            fontsize=6.5,
            family="monospace",
            arrowprops={"arrowstyle": "-", "color": "0.75", "linewidth": 0.6, "relpos": (float(step == STEPS), 0.5)},
        )
    ax.set(xlabel="step", ylabel="loss a letter (nats)", title="Learning a language", ylim=(0, 3.6))


fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
draw_losses(ax)
plt.show()

# %% [markdown]
# ## 4. Where it hesitates
#
# The loss of each letter of a sentence that the model has never seen is its surprise. Over a whole sentence a perfect
# model is surprised by 12.7 nats, no more and no less on average.
#
# **Predict:** at which letters are the bars high? How high should the one for the first letter of the adjective be, and
# the one for the `s` of the verb?

# %%
with evaluation(model):
    surprise = next_token_loss(model(new_rows[:, :-1]), new_rows[:, 1:], reduction="none").data
ends = [len(line) - 1 for line in new_sentences[: len(new_rows)]]
totals = [row[:end].sum() for row, end in zip(surprise, ends, strict=True)]
print(
    f"nats a sentence, without its first letter: {np.mean(totals):.2f} on average; {math.log(CHOICES):.2f} is perfect"
)


def draw_surprise(ax, number=2):
    line, bars = new_sentences[number].rstrip(), surprise[number]
    ax.bar(np.arange(1, len(line)), bars[: len(line) - 1], color=BLUE, width=0.75)
    for choices in (8, 6, 2):
        ax.axhline(math.log(choices), color=GREY, linestyle=":", linewidth=0.8)
        ax.text(len(line), math.log(choices), f"one of {choices}", fontsize=6.5, color="0.4", va="center")
    ax.set_xticks(np.arange(len(line)), [c.replace(" ", "\u00b7") for c in line], family="monospace", fontsize=8)
    ax.tick_params(axis="x", length=0)
    ax.set(ylabel="surprise (nats)", title="Where it hesitates", xlim=(-1, len(line)))


fig, ax = plt.subplots(figsize=(8, 2.4), layout="constrained")
draw_surprise(ax)
plt.show()

# %% [markdown]
# ## 5. Temperature
#
# After `the old ` any of eight animals may follow; their first letters are seven, and f is twice as likely as the rest.
#
# **Predict:** at temperature 0.5 every probability is squared and scaled. How likely is f then? Which letters appear at
# temperature 2 that never can be right?

# %%
logits = model.next_logits(np.array([tokenizer.encode("the old ")]))[0]
order = np.argsort(-logits)[:14]
TEMPERATURES = (0.25, 0.5, 1.0, 1.5, 2.0)
sharpened = np.array([probabilities_of(logits, t)[order] for t in TEMPERATURES])
for t, row in zip(TEMPERATURES, sharpened, strict=True):
    named = "  ".join(f"{tokenizer.id_to_char[int(i)]!r} {p:.2f}" for i, p in zip(order[:9], row, strict=False))
    print(f"temperature {t:4}: {named}")


def draw_temperature(ax):
    shades = plt.cm.viridis(np.linspace(0.1, 0.9, len(TEMPERATURES)))
    x = np.arange(len(order))
    for i, (t, row) in enumerate(zip(TEMPERATURES, sharpened, strict=True)):
        ax.bar(x + 0.16 * (i - 2), row, width=0.16, color=shades[i], label=f"temperature {t}")
    ax.set_xticks(x, [tokenizer.id_to_char[int(i)].replace(" ", "_").replace("\n", "\\n") for i in order])
    ax.set(ylabel="probability", title="After `the old `: one distribution, five temperatures")
    ax.legend(frameon=False, fontsize=7)


fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
draw_temperature(ax)
plt.show()

# %% [markdown]
# Now the model writes 32 sentences at each temperature, from all of its probabilities and from the top 0.9 of them.
# Each sentence is checked: right words in the right order, and a verb that agrees. And we count how many are different.
#
# **Predict:** if one letter in a hundred is drawn from those that are wrong, what share of the sentences of 48 letters
# has none of them? What does top-p do about it? And what is lost at temperature 0?

# %%
COUNT = 32


def quality(temperature, top_p, seed=0):
    """Of COUNT sentences the shares that are made of the right words, that agree as well, and that are different."""
    prompt = np.array([tokenizer.encode("the ")] * COUNT)
    ids = model.generate(prompt, 52, temperature=temperature, top_p=top_p, seed=seed)
    lines = [spoken(row) for row in ids.tolist()]
    verdicts = np.array([judged(line) for line in lines])
    return [*verdicts.mean(axis=0), len(set(lines)) / COUNT], lines[:2]


GRID = (0, 0.1, 0.3, 0.7, 1.0, 1.5)
qualities = {}
for top_p in (None, 0.9):
    for t in GRID:
        qualities[top_p, t], (example, _) = quality(t, top_p)
        words, agrees, different = qualities[top_p, t]
        print(
            f"top_p {top_p!s:4} temperature {t}: words {words:4.0%} agree {agrees:4.0%} different {different:4.0%} "
            f" {example}"
        )


def draw_quality(ax):
    for top_p, style in ((None, "-"), (0.9, "--")):
        words, agrees, different = np.array([qualities[top_p, t] for t in GRID]).T
        label = "all tokens" if top_p is None else "top-p 0.9"
        ax.plot(GRID, words, style, color=GREEN, marker="o", markersize=3, label=f"right words, {label}")
        ax.plot(GRID, agrees, style, color=BLUE, marker="o", markersize=3, label=f"and agreement, {label}")
        ax.plot(GRID, different, style, color=YELLOW, marker="o", markersize=3, label=f"different, {label}")
    ax.set(xlabel="temperature", ylabel="share of the sentences", title="Right or surprising", ylim=(0, 1.05))
    ax.legend(frameon=False, fontsize=6.5)


# %% [markdown]
# Two sentences are longer than the window. From letter 57 on the model sees the last 56 letters, which begin somewhere
# in the first sentence. **Predict:** how good is the second sentence? Remember what all training windows had in common.

# %%
print(tokenizer.decode(model.generate(tokenizer.encode("the "), 110, temperature=0.5, seed=4).tolist()))

# %% [markdown]
# ## 6. Deep stacks
#
# Three ways to put twelve blocks together: normalisation before (yours), after the addition (as in 2017), and yours
# without the addition. First, nothing is trained: how alike are the streams of different positions, after each block?
# 1 means that all positions hold the same numbers, in one direction: then no head can tell which token stood where.
#
# **Predict:** attention averages over positions. What does it do to their differences, over and over? What does the
# addition do about it?


# %%
class PostNorm(TransformerBlock):
    def attend(self, x, mask=None, is_causal=False):
        return self.ln1(x + self.attention(x, mask=mask, is_causal=is_causal))

    def transform(self, x):
        return self.ln2(x + self.mlp(x))


class NoResidual(TransformerBlock):
    def attend(self, x, mask=None, is_causal=False):
        return self.attention(self.ln1(x), mask=mask, is_causal=is_causal)

    def transform(self, x):
        return self.mlp(self.ln2(x))


DEPTH = 12
KINDS = {"pre-norm": (TransformerBlock, BLUE), "post-norm": (PostNorm, YELLOW), "no residual": (NoResidual, RED)}


def stacked(block):
    manual_seed(3)
    stack = GPT(tokenizer.vocab_size, 32, DEPTH, 2, 32)
    for i in range(DEPTH):
        stack.blocks[i] = block(32, 2)
    stack.reset_parameters()
    return stack


def likeness(stack):
    """The mean cosine between the streams of two positions of a row, before the first block and after each."""
    seen = []
    with evaluation(stack):
        x = stack.embed(new_rows[:8, :32])
        for block in (None, *stack.blocks):
            x = x if block is None else block(x, is_causal=True)
            rows = x.data / np.linalg.norm(x.data, axis=-1, keepdims=True)
            cosines = (rows @ rows.swapaxes(1, 2)).mean(axis=0)
            seen.append(cosines[np.triu_indices(32, 1)].mean())
    return seen


alike = {name: likeness(stacked(block)) for name, (block, _) in KINDS.items()}
for name, seen in alike.items():
    print(
        f"{name:12} likeness {seen[0]:.2f} at the embedding, {seen[3]:.2f} after 3 blocks, {seen[-1]:.2f} after {DEPTH}"
    )

# %% [markdown]
# **Predict:** all three have the same parameters and the same rate from the first step on. Which of them learn, and
# what loss do the others get stuck at?

# %%
deep_losses = {name: train(stacked(block), 45, lr=3e-3, careful=False)[0] for name, (block, _) in KINDS.items()}
frequency = np.bincount(train_rows[:, 1:33].reshape(-1)) / train_rows[:, 1:33].size
UNIGRAM = -sum(p * math.log(p) for p in frequency if p)
for name, curve in deep_losses.items():
    print(f"{name:12} loss {curve[0]:.2f} at first, {np.mean(curve[-5:]):.2f} at the end")
print(f"who knows the frequency of each letter and nothing else has {UNIGRAM:.2f}")


def draw_alike(ax):
    for name, seen in alike.items():
        ax.plot(seen, "o-", color=KINDS[name][1], markersize=3, label=name)
    ax.set(
        xlabel="blocks passed",
        ylabel="cosine between positions",
        title="How alike positions become",
        ylim=(-0.05, 1.05),
    )
    ax.legend(frameon=False, fontsize=7)


def draw_depth(ax):
    for name, curve in deep_losses.items():
        ax.plot(np.arange(len(curve) - 2) + 1, smooth(curve, 3), color=KINDS[name][1], label=name)
    ax.axhline(UNIGRAM, color=GREY, linestyle=":", linewidth=1)
    ax.text(0, UNIGRAM - 0.02, "letter frequencies", fontsize=7, color="0.4", va="top")
    ax.set(xlabel="step", ylabel="loss (nats)", title=f"Training {DEPTH} blocks")
    ax.legend(frameon=False, fontsize=7)


# %% [markdown]
# ## 7. What a token costs
#
# `generate` computes the whole window again for every token.
#
# **Predict:** how does the time of one more token grow with the length of the text? How much of that work was done
# before, for the token before?

# %%
long_model = GPT(tokenizer.vocab_size, 64, 2, 4, max_seq_len=512)
LENGTHS = (8, 16, 32, 64, 128, 256, 512)


def milliseconds(length, repeats=5):
    ids = np.resize(train_rows, (1, length))
    best = math.inf
    with evaluation(long_model):
        for _ in range(repeats):
            start = time.perf_counter()
            long_model.next_logits(ids)
            best = min(best, time.perf_counter() - start)
    return 1e3 * best


costs = [milliseconds(length) for length in LENGTHS]
for length, cost in zip(LENGTHS, costs, strict=True):
    print(f"{length:4} letters before it: {cost:6.2f} ms")


def draw_costs(ax):
    ax.plot(LENGTHS, costs, "o-", color=BLUE, markersize=4, label="measured")
    ax.plot(LENGTHS, costs[0] * np.array(LENGTHS) / LENGTHS[0], ":", color=GREY, label="proportional")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set(xlabel="tokens before it", ylabel="ms for one token", title="What a token costs")
    ax.legend(frameon=False, fontsize=7)


# %% [markdown]
# ## 8. All of it on one page
#
# Keep it: `reflection.md` asks about it.

# %%
page = plt.figure(figsize=(13, 12), layout="constrained")
learning, hesitating, choosing, costing = page.subfigures(4, 1, height_ratios=[1.2, 0.8, 1, 1])
draw_losses(learning.subplots())
draw_surprise(hesitating.subplots())
wide, right = choosing.subplots(1, 2, width_ratios=[2, 1])
draw_temperature(wide)
draw_quality(right)
for draw, ax in zip((draw_alike, draw_depth, draw_parts, draw_costs), costing.subplots(1, 4), strict=True):
    draw(ax)
page.suptitle("A model that writes", fontsize=12, fontweight="bold")
plt.show()
