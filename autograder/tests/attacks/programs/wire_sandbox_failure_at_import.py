# ruff: noqa
# tries: pretend during the import that the sandbox could not be entered, to be graded by a person
# score: 0
# honest reader: The import never answers. Nothing that runs after a submission's first line can speak for the
# sandbox.

import os
import struct
import sys

import numpy as np


def wire():
    """(descriptor of the requests, descriptor of the replies, the module that encodes)."""
    frame = sys._getframe()
    while frame.f_code.co_name != "serve":
        frame = frame.f_back
    return frame.f_locals["requests"], frame.f_locals["replies"], sys.modules["autograder.observe.wire"]


_, replies, encode = wire()
os.write(replies, encode.encode({"sandbox": "SandboxError: could not be entered"}))
os._exit(3)
