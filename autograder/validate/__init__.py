"""Proving that an assignment's tests are good: the gate behind `tito validate`.

`mutants` makes wrong versions of a reference automatically, `trials` judges any version of a reference, `labs` executes
the lab, `gate` puts the checks of one assignment together.
"""
