"""Proofs that take minutes, on submissions made for the purpose: what is claimed of batches and of `tito blame`.

    programs   submissions to one assignment with the score that each must get
    runs       one and two processes, twenty kills, a cluster that loses and gains workers: always the same results
    leavings   all that a batch leaves behind, in a form in which two runs can be compared
    fleet      a small Dask cluster of this machine
    stacks     students' stacks with seeded faults, and whom `blame` names

`tito prove` runs them; the test suite runs the same in miniature.
"""
