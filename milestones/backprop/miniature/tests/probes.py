"""As the milestone's own probes, on the first images alone and for a few passes: seconds instead of minutes."""

from tinytorch.milestones import backprop as program

EPOCHS = 4


def read_handwriting(images, labels, others, seed):
    program.HELD_OUT = len(images) // 10
    model, history = program.train(images, labels, seed, EPOCHS)
    return {"history": history, "predictions": program.predict(model, others)}
