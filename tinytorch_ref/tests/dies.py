"""A training that kills itself with SIGKILL at a chosen moment, for test_resume.

    python dies.py MOMENT COUNT CONFIG FOLDER [--resume]

trains as `python -m tinytorch.recipes CONFIG FOLDER` does, until the moment has come COUNT times.
"""

import functools
import io
import os
import signal
import sys

import numpy as np
from tinytorch import recipes, runs
from tinytorch.core import training


def main():
    moment, count = sys.argv[1], int(sys.argv[2])
    del sys.argv[1:3]
    place, name, changed = MOMENTS[moment]
    original, left = getattr(place, name), [count]

    @functools.wraps(original)
    def counting(*args, **options):
        return changed(original, left, *args, **options)

    setattr(place, name, counting)
    recipes.main()


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def due(left):
    left[0] -= 1
    return left[0] == 0


def before(original, left, *args, **options):
    if due(left):
        die()
    return original(*args, **options)


def after(original, left, *args, **options):
    result = original(*args, **options)
    if due(left):
        die()
    return result


def after_the_best(original, left, path, state):
    original(path, state)
    if os.path.basename(path) == "best.npz" and due(left):
        die()


def half_an_archive(original, left, file, **arrays):
    if not due(left):
        return original(file, **arrays)
    whole = io.BytesIO()
    original(whole, **arrays)
    file.write(whole.getvalue()[: len(whole.getvalue()) // 2])
    file.flush()
    die()


def half_a_line(original, left, log, event, **facts):
    if event != "epoch" or not due(left):
        return original(log, event, **facts)
    log._file.write(b'{"event": "epo')
    log._file.flush()
    die()


MOMENTS = {
    "before the first step": (training.Trainer, "fit", before),
    "between the gradients and the step": (training, "clip_grad_norm_", after),
    "after a step": (training.Trainer, "train_step", after),
    "within a checkpoint": (np, "savez", half_an_archive),
    "before a file gets its name": (os, "replace", before),
    "after a file got its name": (os, "replace", after),
    "between the best weights and the checkpoint": (training, "write_state", after_the_best),
    "after a line of the log": (runs.RunLog, "write", after),
    "within a line of the log": (runs.RunLog, "write", half_a_line),
    "before the report": (recipes, "_report", before),
}

if __name__ == "__main__":
    main()
