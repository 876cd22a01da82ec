"""A process that works on a registry until somebody kills it, for test_mlops.

    python kills.py register FOLDER SEED      registers versions of "m", each filled with its own random number
    python kills.py promote FOLDER SEED       promotes versions 1 and 2 of "m" in turn, and rolls back now and then
    python kills.py batch FOLDER SEED         predicts 400 rows into FOLDER/out, and notes the rows it was asked for

It writes one line to standard output for every step that has returned: what was acknowledged must be there afterwards.
"""

import sys
from pathlib import Path

import numpy as np
from tinytorch.mlops import BatchPredictor, ModelRegistry


def main():
    action, folder, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    rng = np.random.default_rng(seed)
    say("ready")
    if action == "batch":

        def predict(X):
            with open(folder / "asked", "a") as log:
                log.write(" ".join(str(int(i)) for i in X[:, 0]) + "\n")
            return X.sum(axis=1)

        rows = np.stack([np.arange(400.0), np.arange(400.0) ** 2], axis=1)
        BatchPredictor(predict, folder / "out", chunk=10).run(rows)
        say("done")
        return
    registry = ModelRegistry(folder)
    while True:
        if action == "register":
            number = float(rng.random())
            say(f"{registry.register('m', {'w': np.full(2000, number)}, {'number': number})} {number!r}")
        elif rng.random() < 0.2:
            try:
                say(f"rollback {registry.rollback('m')}")
            except LookupError:
                pass
        else:
            version = int(rng.integers(1, 3))
            registry.promote("m", version)
            say(f"promote {version}")


def say(line):
    print(line, flush=True)


if __name__ == "__main__":
    main()
