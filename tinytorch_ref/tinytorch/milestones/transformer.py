"""2017: attention is all you need (Vaswani et al.). A network learns to write, one token after the other.

Runs on a01 to a13: a tokenizer, embeddings, attention and a small GPT, trained by the optimizer, the loop and the
loader of the earlier assignments. The text is TinyShakespeare; tokens are its characters, or pieces of words (byte-pair
encoding). A plan says how large the network is and how long it learns. Where the ops of the network are the
reference's, they run on the frame's fast kernels; the results are the same up to rounding.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from dataclasses import replace as replace  # for who changes a plan
from pathlib import Path
from typing import Any

import numpy as np

import tinytorch as tt
from tinytorch import data, kernels, nn, optim
from tinytorch.core.transformers import evaluation, next_token_loss
from tinytorch.data import BPETokenizer, CharTokenizer, DataLoader, SequenceDataset
from tinytorch.data.sources import tinyshakespeare
from tinytorch.denormals import flush_denormals
from tinytorch.milestones import saved
from tinytorch.training import Trainer

WATCHED = 0.02  # the share at the end of the text that training only looks at
PROMPT = "ROMEO:\n"


@dataclass(frozen=True)
class Plan:
    """A network and its training. `vocab_size` counts for byte-pair encoding alone."""

    tokenizer: str = "char"
    vocab_size: int = 1000
    layers: int = 4
    heads: int = 4
    width: int = 128
    seq_len: int = 128
    batch_size: int = 16
    dropout: float = 0.0
    steps: int = 5000
    lr: float = 4e-3
    warmup: float = 0.05
    weight_decay: float = 0.1
    sample_every: int = 1000

    def __post_init__(self) -> None:
        if self.tokenizer not in ("char", "bpe"):
            raise ValueError(f"a tokenizer is 'char' or 'bpe', got '{self.tokenizer}'")


CHARACTERS = Plan()
PIECES = Plan(tokenizer="bpe", steps=1600, sample_every=400)
PLANS = {"char": CHARACTERS, "bpe": PIECES}


class UnknownCharacter(ValueError):
    """A prompt with a character that the writer has never seen."""


@dataclass
class Writer:
    """A trained network with its tokenizer."""

    plan: Plan
    tokenizer: Any
    model: Any

    def write(self, prompt: str, tokens: int = 200, temperature: float = 0.8, seed: int = 0, **cut: Any) -> str:
        """The prompt and what the network adds to it. `cut` may hold top_k and top_p."""
        return "".join(self.stream(prompt, tokens, temperature, seed, **cut))

    def stream(
        self, prompt: str, tokens: int, temperature: float, seed: int | None = None, **cut: Any
    ) -> Iterator[str]:
        """The same text piece by piece, the prompt first; a character of several bytes when its last byte is there.

        Raises:
            UnknownCharacter: the prompt is empty, or holds a character that the network has no token for.
        """
        ids = list(self.tokenizer.encode(prompt))
        if not ids or self.tokenizer.decode(ids) != prompt:
            strange = sorted({c for c in prompt if self.tokenizer.decode(self.tokenizer.encode(c)) != c})
            what = f"has never seen {', '.join(map(repr, strange))}" if strange else "needs something to go on from"
            raise UnknownCharacter(f"the model {what}; give another prompt")
        shown = prompt
        yield prompt
        with evaluation(self.model):
            for token in self.model.stream(np.asarray(ids, np.int64), tokens, temperature, seed=seed, **cut):
                ids.append(int(token[0]))
                text = self.tokenizer.decode(ids)
                if not text.endswith("\ufffd"):
                    yield text[len(shown) :]
                    shown = text

    def parts(self) -> dict[str, Any]:
        """All that makes this writer, as plain data: see `tinytorch.milestones.saved`."""
        return {"plan": asdict(self.plan), "tokenizer": self.tokenizer.state(), "arrays": self.model.state_dict()}

    @classmethod
    def of(cls, parts: Mapping[str, Any]) -> Writer:
        """The writer that gave these parts.

        Raises:
            ValueError: they do not fit together, in the words of whoever noticed.
        """
        try:
            plan = Plan(**parts["plan"])
            tokenizer = TOKENIZERS[plan.tokenizer].from_state(parts["tokenizer"])
        except (TypeError, KeyError) as error:
            raise ValueError(f"not the plan and the tokenizer of a writer: {error}") from error
        writer = cls(plan, tokenizer, _model(plan, tokenizer.vocab_size))
        writer.model.load_state_dict(parts["arrays"])
        return writer


TOKENIZERS = {"char": CharTokenizer, "bpe": BPETokenizer}


def _tokenizer(plan: Plan, text: str) -> Any:
    if plan.tokenizer == "char":
        return CharTokenizer(sorted(set(text)))
    tokenizer = BPETokenizer(plan.vocab_size)
    tokenizer.train(text)
    return tokenizer


def _model(plan: Plan, vocab_size: int) -> Any:
    return nn.GPT(vocab_size, plan.width, plan.layers, plan.heads, plan.seq_len, plan.dropout)


def train(
    text: str,
    plan: Plan = CHARACTERS,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: print(line, flush=True),
) -> tuple[Writer, dict[str, list[float]]]:
    """Learn to continue a text; returns the writer and the history, a value for each pass over the text.

    Losses are in nats a token. `say` hears each pass and, now and then, what the network writes.
    """
    flush_denormals()
    kernels.keep_memory()
    kernels.install(threads=kernels.cores())
    tt.manual_seed(seed)
    tokenizer = _tokenizer(plan, text)
    ids = np.asarray(tokenizer.encode(text), np.int64)
    writer = Writer(plan, tokenizer, _model(plan, tokenizer.vocab_size))
    say(f"{len(ids):,} tokens of {tokenizer.vocab_size} kinds, {_size(writer.model):,} parameters, {plan.steps} steps")
    cut = len(ids) - max(plan.seq_len + 1, int(WATCHED * len(ids)))
    trainer, rng = _trainer(writer.model, plan), np.random.default_rng(seed)
    watch = DataLoader(SequenceDataset(ids[cut:], plan.seq_len), batch_size=plan.batch_size)
    history: dict[str, list[float]] = {"train_loss": [], "val_loss": [], "step": [], "seconds": []}
    prompt = PROMPT if set(PROMPT) <= set(text) else text[: len(PROMPT)]
    done, began = 0, time.perf_counter()
    while done < plan.steps:
        loader = _pass(ids[:cut], plan, plan.steps - done, rng)
        loss, held_out = float(trainer.train_epoch(loader)), float(trainer.evaluate(watch)[0])
        before, done = done, done + len(loader)
        for name, value in zip(history, (loss, held_out, done, time.perf_counter() - began), strict=True):
            history[name].append(value)
        say(f"step {done} of {plan.steps}: loss {loss:.4f}, held out {held_out:.4f}, {history['seconds'][-1]:.0f} s")
        if done // plan.sample_every > before // plan.sample_every:
            say(writer.write(prompt, 120, seed=seed))
    return writer, history


def _trainer(model: Any, plan: Plan) -> Trainer:
    """AdamW with a climb, half a cosine and clipped gradients."""
    optimizer = optim.AdamW(_groups(model, plan), lr=plan.lr, betas=(0.9, 0.99))
    rest = optim.CosineAnnealingLR(optimizer, plan.steps - _climb(plan), eta_min=plan.lr / 20)
    schedule = optim.LinearWarmup(optimizer, _climb(plan), after=rest)
    return Trainer(model, next_token_loss, optimizer, scheduler=schedule, grad_clip_norm=1.0)


def _pass(ids: np.ndarray, plan: Plan, steps: int, rng: np.random.Generator) -> DataLoader:
    """The batches of a pass over the text, at most so many. Windows begin elsewhere in every pass, so that each token
    is met with ever different context."""
    windows = SequenceDataset(ids[rng.integers(plan.seq_len) :], plan.seq_len)
    order = rng.permutation(len(windows))[: steps * plan.batch_size]
    return DataLoader(data.Subset(windows, order), plan.batch_size, drop_last=len(order) > plan.batch_size)


def _climb(plan: Plan) -> int:
    return max(1, int(plan.warmup * plan.steps))


def _size(model: Any) -> int:
    return sum(p.size for p in model.parameters())


def _groups(model: Any, plan: Plan) -> list[dict[str, Any]]:
    """Weight decay for matrices alone: pulling biases and normalisations to 0 helps nobody."""
    parameters = model.parameters()
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": plan.weight_decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]


def loss_of(writer: Writer, text: str) -> dict[str, float]:
    """How well a text is foreseen, in windows that do not overlap: nats a token, and nats a character."""
    ids = np.asarray(writer.tokenizer.encode(text), np.int64)
    per_token = math.log(nn.perplexity(writer.model, ids))
    return {"token": per_token, "character": per_token * (len(ids) - 1) / len(text)}


def _train(options: argparse.Namespace) -> None:
    text = tinyshakespeare()
    cut = int(0.9 * len(text))
    writer, _ = train(text[:cut], PLANS[options.plan], options.seed)
    print(f"validation loss: {loss_of(writer, text[cut:])['character']:.4f} nats a character")
    saved.write(options.folder, writer.parts())


def _write(options: argparse.Namespace) -> None:
    """Stream a continuation to standard output, in UTF-8 whatever the locale says."""
    try:
        writer = _load(options.folder)
        cut = {"top_k": options.top_k, "top_p": options.top_p}
        for text in writer.stream(options.prompt, options.tokens, options.temperature, options.seed, **cut):
            sys.stdout.buffer.write(text.encode("utf-8", "replace"))
            sys.stdout.buffer.flush()
    except ValueError as error:  # of the folder, the prompt or a setting, said in words
        sys.exit(f"error: {error}")


def _load(folder: Path) -> Writer:
    parts = saved.read(folder)
    try:
        return Writer.of(parts)
    except ValueError as error:
        raise saved.SavedError(f"{folder} holds files that do not fit together ({error}); train again") from error


def main() -> None:
    """`train FOLDER [char|bpe]` on the data set of this machine, or `write FOLDER` with what was trained."""
    parser = argparse.ArgumentParser(prog="python -m tinytorch.milestones.transformer")
    commands = parser.add_subparsers(required=True)
    learn = commands.add_parser("train")
    learn.add_argument("folder", type=Path)
    learn.add_argument("plan", choices=list(PLANS), nargs="?", default="char")
    learn.add_argument("--seed", type=int, default=0)
    learn.set_defaults(run=_train)
    speak = commands.add_parser("write")
    speak.add_argument("folder", type=Path)
    speak.add_argument("--prompt", default=PROMPT)
    speak.add_argument("--tokens", type=int, default=500)
    speak.add_argument("--temperature", type=float, default=0.8)
    speak.add_argument("--top-k", type=int)
    speak.add_argument("--top-p", type=float)
    speak.add_argument("--seed", type=int)
    speak.set_defaults(run=_write)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
