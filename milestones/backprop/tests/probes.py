"""Trains the given network on the judge's training images and predicts the test images, whose labels it never sees."""

from tinytorch.milestones import backprop as program


def read_handwriting(images, labels, others, seed):
    model, history = program.train(images, labels, seed)
    return {"history": history, "predictions": program.predict(model, others)}
