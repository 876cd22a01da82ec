"""What the layers are for. Grading is refused by property ("are the tests hidden?"), not by layer, since most
properties have several providers and no machine has every layer.

| layer          | what it does                                                           | needs                      |
|----------------|------------------------------------------------------------------------|----------------------------|
| uid            | the observer is a private user: sees only what is open to others       | root                       |
| namespaces     | no network; a root folder with only Python, composition and scratch    | root or user namespaces    |
| rlimits        | caps memory, CPU, file size, open files; tasks under uid or namespaces | Linux                      |
| no_new_privs   | no program regains rights                                              | Linux 3.5                  |
| seccomp        | refuses calls: network, processes, signals to others, kernel surface   | Linux 3.17, x86 or arm 64  |
| landlock       | opens only Python, composition and scratch                             | Linux 5.13                 |
| landlock_scope | signals stay among the observer's own processes                        | Linux 6.12                 |
| subreaper      | orphans come back to the zygote, which kills them                      | Linux 3.4                  |
| parent_death   | the observer dies with the zygote                                      | Linux                      |
| oom            | when memory runs out, the observer goes first                          | Linux                      |

Always done, without a name: setsid, closing descriptors, giving up capabilities, no dumps, umask 077.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from autograder.errors import UserError
from autograder.sandbox import landlock
from autograder.sandbox.system import kernel_version

LAYERS = (
    "uid",
    "namespaces",
    "landlock",
    "landlock_scope",
    "seccomp",
    "rlimits",
    "no_new_privs",
    "subreaper",
    "parent_death",
    "oom",
)

# Strongest first. landlock_scope alone does not protect the judge: prlimit(2) within one uid gets past it.
# uid comes last for the tests: it hides only files that are closed to other users.
PROVIDERS: dict[str, tuple[str, ...]] = {
    "tests hidden": ("namespaces", "landlock", "uid"),
    "judge protected": ("uid", "seccomp"),
    "tree killed": ("uid", "seccomp", "subreaper"),
    "no network": ("seccomp", "namespaces"),
    "resources capped": ("rlimits",),
}
WITHOUT = {
    "tests hidden": "a submission could read the tests and other submissions",
    "judge protected": "a submission could kill or steer the grader",
    "tree killed": "processes of a submission could outlive it",
    "no network": "a submission could use the network",
    "resources capped": "a submission could use up the machine",
}
COUNTED_PER_NAMESPACE_SINCE = (5, 14)
REMEDY = "run as root, or in the course's image, or accept it with --allow-weak-sandbox"


@dataclass(frozen=True)
class Protection:
    """One property of the sandbox and the strongest layer at hand that provides it, None if there is none."""

    name: str
    provider: str | None


def protections(layers: Collection[str]) -> tuple[Protection, ...]:
    """Every property that grading relies on, with its provider among `layers`."""
    return tuple(
        Protection(name, next((layer for layer in providers if layer in layers), None))
        for name, providers in PROVIDERS.items()
    )


def counts_processes(layers: Collection[str]) -> bool:
    """Whether a cap on processes would count those of one observer alone, not the user's others too."""
    return "uid" in layers or ("namespaces" in layers and kernel_version() >= COUNTED_PER_NAMESPACE_SINCE)


def require(layers: Collection[str], allow_weak: bool, processes: int = 0) -> tuple[str, ...]:
    """Notes for the instructor on all that is missing. UserError if a property has no provider, unless `allow_weak`.

    An assignment whose submissions may start processes cannot be graded where they cannot be counted, weak or not.
    """
    if processes and not counts_processes(layers):
        raise UserError(
            "submissions of this assignment may start processes, and this machine cannot count them: run as root, in"
            " the course's image, or where user namespaces are allowed (Linux 5.14 or later)"
        )
    lost = [protection.name for protection in protections(layers) if protection.provider is None]
    if lost and not allow_weak:
        wanted = "; ".join(f"'{name}' ({WITHOUT[name]}; needs {' or '.join(PROVIDERS[name])})" for name in lost)
        raise UserError(f"the sandbox on this machine does not give {wanted}: {REMEDY}")
    notes = [f"sandbox: '{name}' has no provider: {WITHOUT[name]}" for name in lost]
    notes += [f"sandbox: layer '{name}' is missing" for name in LAYERS if name not in layers]
    if Protection("tests hidden", "uid") in protections(layers):
        notes.append(
            "sandbox: tests are hidden by file permissions alone: keep the course folder closed to others (chmod 700)"
        )
    return tuple(notes)


def describe(layers: Collection[str]) -> str:
    """One line for people: what is there, what is not."""
    names = [f"landlock (ABI {landlock.abi()})" if name == "landlock" else name for name in LAYERS if name in layers]
    missing = [name for name in LAYERS if name not in layers]
    return f"sandbox: {', '.join(names) or 'none'}" + (f"; missing: {', '.join(missing)}" if missing else "")
