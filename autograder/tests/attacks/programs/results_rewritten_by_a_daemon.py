# ruff: noqa
# tries: rewrite results.json from a process that has left the group (double fork)
# score: 5
# honest reader: `double` is right, `mean` is not.

import atexit
import os
import signal
import threading
import time

import numpy as np

FORGED = '{"score": 10, "tests": []}'
PLACES = ("@OUT@", "results.json", "/autograder/results/results.json", "@COURSE@/results.json")


def forge():
    for place in PLACES:
        try:
            with open(place, "w") as file:
                file.write(FORGED)
        except OSError:
            pass


def daemon():
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    while True:
        forge()
        time.sleep(0.001)


try:
    daemon()
except OSError:
    pass


def double(x):
    return np.asarray(x) * 2


def mean(x):
    return 0.0
