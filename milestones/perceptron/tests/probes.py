"""Runs the given program on a student's framework; what it learned goes back as plain numbers."""

from tinytorch.milestones import perceptron as program


def separate(points, labels):
    neuron, history = program.train(points, labels)
    return {"points": points, "mistakes": history.mistakes, "lines": history.lines, "predictions": program.predict(neuron, points)}
