"""A model in production: a REST service around the registry, detectors and monitors of assignment 20.

Nobody has to write this package; it is what a model that was trained, compressed and registered goes to. Its README.md
is the guide. The web framework comes with an optional extra and is imported here only, when a server starts:

    architecture.py  a network as plain data, and the network again       versions.py  the version being served
    served.py        a registered version, ready to predict               features.py  what drift is looked for in
    register.py      a training run becomes a version                     watching.py  drift, accuracy, alerts
    batching.py      a bounded queue that answers in batches              timeline.py  the last minutes, by seconds
    inputs.py        what a request has to be                             metrics.py   figures for Prometheus
    guard.py         who may change the version                           service.py   all of it put together
    app.py           the endpoints                                        server.py    starting, draining, stopping
    load.py          a load generator, with client.py                     bench.py     what it holds, with picture.py
    page/            the page at `/`
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

EXTRA = "serve"


class ExtraMissing(ImportError):
    """A package of the optional extra is not installed."""


class ServingError(ValueError):
    """Something that the user can put right. The message names it and the remedy."""


def need(module: str) -> Any:
    """A module of the optional extra.

    Raises:
        ExtraMissing: names the extra and how to install it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise ExtraMissing(
            f"{module} is not installed; serving needs the optional extra '{EXTRA}':"
            f" pip install 'tinytorch-course[{EXTRA}]'",
            name=module,
        ) from None
