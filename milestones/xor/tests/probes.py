"""Trains the two given models on points that the judge drew and says what they make of other points."""

import tinytorch as tt
from tinytorch.milestones import xor as program


def learn(layers, points, labels, others, seed):
    tt.manual_seed(seed)
    model = program.one_layer() if layers == 1 else program.two_layers()
    losses = program.train(model, points, labels)
    return {"losses": losses, "logits": program.logits(model, others)}
