"""`python -m autograder.gradescope ROOT`: what the script run_autograder starts, ROOT being /autograder."""

import sys
from pathlib import Path

from autograder.gradescope.entry import main

sys.exit(main(Path(sys.argv[1])))
