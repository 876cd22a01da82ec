"""The trusted side of grading: it loads the test files, holds every expectation, seed and clock, and decides.

Nothing in this package imports a student's code or unpickles anything that such code touched; it asks through handles
(`autograder.observe`) and compares plain data.
"""
