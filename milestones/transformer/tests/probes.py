"""Trains the given program on the judge's text; then the same network is asked about text that it was never sent."""

from tinytorch.milestones import foresight
from tinytorch.milestones import transformer as program

_writer = None


def _learn(text, plan, seed):
    global _writer
    _writer, history = program.train(text, plan, seed)
    sample = _writer.write(program.PROMPT, 400, seed=seed) if set(program.PROMPT) <= set(text) else ""
    return {"history": history, "sample": sample, "model": _writer.parts()}


def learn_characters(text, seed, **changes):
    return _learn(text, program.replace(program.CHARACTERS, **changes), seed)


def learn_pieces(text, seed, **changes):
    return _learn(text, program.replace(program.PIECES, **changes), seed)


def foresee(texts):
    """The probability of each character to be the next one of each text, by the network trained last."""
    next_character = foresight.of(_writer)
    return {"characters": next_character.characters, "probabilities": next_character(texts)}


def weigh(text):
    """The loss on a text, in nats a character."""
    loss = program.loss_of(_writer, text)["character"]
    print(f"loss on the text that was kept back: {loss:.4f} nats a character", flush=True)
    return loss
