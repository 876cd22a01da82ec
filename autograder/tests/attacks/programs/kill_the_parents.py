# ruff: noqa
# tries: kill, stop or terminate the zygote and the judge
# score: 5
# needs: uid seccomp landlock_scope
# honest reader: `double` is right, `mean` is not.

import os
import signal

import numpy as np

for victim in (os.getppid(), int("@ZYGOTE@"), int("@JUDGE@")):
    for how in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM):
        try:
            os.kill(victim, how)
        except OSError:
            pass
        try:
            os.killpg(victim, how)
        except OSError:
            pass


def double(x):
    return np.asarray(x) * 2


def mean(x):
    return 0.0
