"""Makes the entry, and answers with it or with what it started from. Whoever answers may not be who made it."""

from tinytorch.milestones import mlperf as program

_models = {}


def compete(images, labels, seed, **sizes):
    made = program.olympics(images, labels, seed, **sizes)
    _models["baseline"] = program.restored(made["baseline"], program.SIZES, quantized=False)
    _models["entry"] = program.restored(made["entry"], tuple(made["sizes"]), quantized=True)
    return made


def put_together(baseline, entry, sizes):
    """Both networks, from their arrays alone."""
    _models["baseline"] = program.restored(baseline, program.SIZES, quantized=False)
    _models["entry"] = program.restored(entry, tuple(sizes), quantized=True)


def answer(which, images):
    return program.predict(_models[which], images)


def memory(which, images):
    return program.memory(_models[which], images)


def time_of_entry(images, repeats):
    for _ in range(repeats):
        program.predict(_models["entry"], images)


def time_of_baseline(images, repeats):
    for _ in range(repeats):
        program.predict(_models["baseline"], images)


def write(seed, prompt, count, cached):
    return program.write(program.writer(seed), prompt, count, cached)
