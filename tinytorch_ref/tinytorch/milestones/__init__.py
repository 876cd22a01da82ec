"""The milestones: programs of the field's history, given, that run on whatever composition they are started in.

    python -m tinytorch.milestones.xor

Each module has small functions that do one thing (make the data, build the model, train, predict) and a `main` that
runs them and prints what happens. They use the framework through its public names only, so they run on a student's own
code.
"""
