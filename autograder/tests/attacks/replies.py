"""Messages forged on the wire by hand, as snippets of Python that make `message`.

`program` wraps one into a submission whose `mean` sends it in place of an answer and then waits. MALFORMED ones must be
refused by the wire itself; the others are well-formed and say something outrageous.
"""

from __future__ import annotations

PRELUDE = '''
import json
import struct


def framed(value, *blobs):
    header = json.dumps({"v": value, "b": [len(blob) for blob in blobs]}).encode()
    return struct.pack(">I", len(header)) + header + b"".join(blobs)


def npy(header, data=b"", version=b"\\x01\\x00"):
    text = header.encode() + b"\\n"
    return b"\\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def array(blob):
    return framed({"$": "d", "v": {"ok": {"$": "a", "i": 0}}}, blob)


def ok(value):
    return framed({"$": "d", "v": {"ok": value}})


def error(**fields):
    return framed({"$": "d", "v": {"error": {"$": "d", "v": fields}}})
'''

FLOAT = "'descr': '<f8', 'fortran_order': False"

MALFORMED = {
    "a header longer than allowed": 'message = struct.pack(">I", 0xFFFFFFFF) + b"x" * 100',
    "a header that is not JSON": 'message = struct.pack(">I", 5) + b"{{{{{"',
    "a header that is not UTF-8": 'message = struct.pack(">I", 5) + b"\\xff\\xfe\\xff\\xfe\\xff"',
    "a header without structure": 'message = struct.pack(">I", 2) + b"[]"',
    "a header with an integer of a million digits": (
        'message = struct.pack(">I", 10**6 + 14) + b\'{"b":[],"v":\' + b"7" * 10**6 + b" }"'
    ),
    "blobs of negative size": 'text = b\'{"v":1,"b":[-400]}\'\nmessage = struct.pack(">I", len(text)) + text',
    "blobs beyond the cap": 'text = b\'{"v":1,"b":[999999999]}\'\nmessage = struct.pack(">I", len(text)) + text',
    "a blob that is not there": 'message = framed({"$": "a", "i": 3}, b"x")',
    "a blob with a negative number": 'message = framed({"$": "b", "i": -1}, b"x")',
    "a blob numbered by a bool": 'message = framed({"$": "b", "i": False}, b"x")',
    "one blob used a hundred thousand times": (
        'message = framed([{"$": "a", "i": 0}] * 100_000, npy("{\'descr\': \'|u1\', \'fortran_order\': False, '
        '\'shape\': (4000000,), }", bytes(4_000_000)))'
    ),
    "a tag that does not exist": 'message = framed({"$": "\\x1b[31m<b>", "i": 0}, b"x")',
    "a tag that is a list": 'message = framed({"$": [1], "i": 0}, b"x")',
    "a structure without a tag": 'message = framed({"a": 1})',
    "a tuple that is a number": 'message = framed({"$": "t", "v": 5})',
    "a dict that is a list": 'message = framed({"$": "d", "v": []})',
    "lists nested 400 deep": 'message = ok(json.loads("[" * 400 + "]" * 400))',
    "lists nested 100000 deep": (
        'text = b\'{"b":[],"v":\' + b"[" * 100_000 + b"]" * 100_000 + b"}"\n'
        'message = struct.pack(">I", len(text)) + text'
    ),
    "tuples nested 400 deep": (
        "value = 1\nfor _ in range(400):\n    value = {'$': 't', 'v': [value]}\nmessage = ok(value)"
    ),
    "an integer of 4000 digits": "message = ok(10**4000)",
    "a pickle in place of an array": 'import pickle\nmessage = array(pickle.dumps({"a": 1}))',
    "a .npy of objects": (
        "import pickle\nmessage = array(npy(\"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\", pickle.dumps([1])))"
    ),
    "a .npy of records": (
        "message = array(npy(\"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }\", bytes(8)))"
    ),
    "a .npy of dates": "message = array(npy(\"{'descr': '<M8[s]', 'fortran_order': False, 'shape': (1,), }\", bytes(8)))",
    "a .npy whose header calls a function": (
        "message = array(npy(\"{'descr': print('x'), 'fortran_order': False, 'shape': (1,), }\", bytes(8)))"
    ),
    "a .npy whose header is nested": "message = array(npy('(' * 15000))",
    "a .npy whose header is a long sum": "message = array(npy('-1' * 15000))",
    "a .npy whose header is shorter than it says": (
        f'message = array(npy("{{{FLOAT}, \'shape\': (1,), }}", bytes(8)).replace(b"\\n", b" ", 1))'
    ),
    "a .npy that announces a terabyte": f'message = array(npy("{{{FLOAT}, \'shape\': (137438953472,), }}", bytes(8)))',
    "a .npy whose size overflows": (
        f'message = array(npy("{{{FLOAT}, \'shape\': (4294967296, 4294967296, 4294967296), }}"))'
    ),
    "an empty .npy with a huge dimension": f'message = array(npy("{{{FLOAT}, \'shape\': (0, 99999999999999999999), }}"))',
    "a .npy of a negative shape": f'message = array(npy("{{{FLOAT}, \'shape\': (-1, -8), }}", bytes(64)))',
    "a .npy of 70 dimensions": f'message = array(npy("{{{FLOAT}, \'shape\': (" + "1, " * 70 + "), }}", bytes(8)))',
    "a .npy of empty strings without an end": (
        "message = array(npy(\"{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,), }\"))"
    ),
    "a .npy of an unknown version": f'message = array(npy("{{{FLOAT}, \'shape\': (1,), }}", bytes(8), b"\\x09\\x00"))',
    "a .npy of characters that do not exist": (
        "message = array(npy(\"{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }\", b\"\\xff\" * 4))"
    ),
    "a .npy of bools that are neither": (
        "message = array(npy(\"{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }\", b\"\\x02\\xff\"))"
    ),
    "a .npy of a number that does not exist": (
        "message = array(npy(\"{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }\", bytes(3)))"
    ),
}

OUTRAGEOUS = {
    "neither a value nor an error": 'message = framed({"$": "d", "v": {"passed": True, "score": 10}})',
    "a bare value": "message = framed(True)",
    "a failure of the sandbox": 'message = framed({"$": "d", "v": {"sandbox": "SandboxError: no"}})',
    "an entered sandbox": 'message = framed({"$": "d", "v": {"confined": True}})',
    "kinds that are a number": "message = error(kinds=5, text='x', where='x')",
    "kinds that are no names": "message = error(kinds=[1, None, '', '<b>', '\\x1b[31m', [], 'a b'], text=5, where=[])",
    "a kind of a megabyte": "message = error(kinds=['A' * 10**6], text='x' * 10**6, where='y' * 10**6)",
    "an error without anything": "message = error()",
    "an error at a hidden test": (
        "message = error(kinds=['ValueError'], text='x', where='@COURSE@/solutions/a01_numbers/tests/test_double.py:@LINE@ in f')"
    ),
    "an error at a hidden test, climbing": (
        "message = error(kinds=['ValueError'], text='x', where='tinytorch/../../../../../..@COURSE@/solutions/a01_numbers/"
        "tests/test_double.py:@LINE@ in f')"
    ),
    "an error in a file with an endless name": "message = error(kinds=['ValueError'], text='x', where='a' * 290 + ':1 in f')",
    "an error at a place with a NUL": "message = error(kinds=['ValueError'], text='x', where='tinytorch\\x00/a.py:1 in f')",
    "an error at a line that is no number": (
        "message = error(kinds=['ValueError'], text='x', where='tinytorch/core/tensor.py:\\u00b2 in f')"
    ),
    "an error at a line of a thousand digits": (
        "message = error(kinds=['ValueError'], text='x', where='tinytorch/core/tensor.py:' + '9' * 250 + ' in f')"
    ),
    "an error at line 0": "message = error(kinds=['ValueError'], text='x', where='tinytorch/core/tensor.py:0 in f')",
    "text that moves the cursor": "message = error(kinds=['ValueError'], text='\\x1b[2J\\u202e\\ud800\\r\\x08<script>', where='\\x9b')",
    "a grader's own class": "message = error(kinds=['GraderError', 'Mismatch', 'Exception'], text='x')",
    "NaN": "message = ok(float('nan'))",
    "infinity": "message = ok(float('inf'))",
    "a lone surrogate": "message = ok('\\ud800' * 50)",
    "a long string": "message = ok('\\x1b[31m' * 100_000)",
    "many lists": "message = ok([[[1] * 20] * 20] * 20)",
    "a ragged list": "message = ok([[1], [2, 3], 'x'])",
    "a complex number": (
        "message = array(npy(\"{'descr': '<c16', 'fortran_order': False, 'shape': (), }\", struct.pack('<dd', 0.0, 5.0)))"
    ),
}

SENDER = '''# A reply forged by hand: {name}. An honest reader gives 5: `double` is right, `mean` sends nonsense.
import os
import sys
import time

import numpy as np
{prelude}

def double(x):
    return np.asarray(x) * 2


def mean(x):
    frame = sys._getframe()
    while frame.f_code.co_name != "serve":
        frame = frame.f_back
    view = memoryview(MESSAGE)
    while view:
        view = view[os.write(frame.f_locals["replies"], view):]
    time.sleep(5)


{snippet}
MESSAGE = message
'''


def program(name: str, snippet: str) -> str:
    """A submission that sends the message of `snippet`."""
    return SENDER.format(name=name, prelude=PRELUDE, snippet=snippet)


def built(snippet: str) -> bytes:
    """The message itself."""
    names: dict[str, object] = {}
    exec(PRELUDE + snippet, names)
    message = names["message"]
    assert isinstance(message, bytes)
    return message
