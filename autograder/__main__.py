"""`python -m autograder` is `tito`."""

from autograder.cli import main

main()
