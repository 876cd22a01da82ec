"""The program behind `tito compress`: `python -m tinytorch.compressing NETWORK... --out FOLDER`.

Leaves compress.json and compress.png in the folder, and the trained networks. Ends with status 1 if something that was
asked for is not met.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import tinytorch as tt
from tinytorch import kernels, runs
from tinytorch.compressing import measure, picture
from tinytorch.compressing.networks import NETWORKS, images_of, trained
from tinytorch.compressing.variants import bits_curve, sparsity_curves, variants
from tinytorch.denormals import flush_denormals

TELL_SECONDS = 10.0


def compress(name: str, folder: Path, seed: int, epochs: int | None = None) -> tuple[dict[str, Any], bool]:
    """Train (or read) a network and make everything of it: what compress.json holds of it, and whether all is met."""
    network = NETWORKS[name]
    images = images_of(network, seed)
    began = time.perf_counter()
    say = _teller(network.title)
    model = trained(name, images, folder, seed, epochs, say)
    print(f"{network.title}: trained in {time.perf_counter() - began:.0f} s", flush=True)
    tt.manual_seed(seed)
    found = measure.rows(list(variants(model, network, images, folder, say)), images)
    text, met = measure.verdict(found)
    print(f"{measure.table(network.title, found)}\n{text}\n", flush=True)
    run = {"network": name, "title": network.title, "seed": seed, "rows": [asdict(row) for row in found], "met": met}
    run |= {"bits": bits_curve(model, images), "sparsity": sparsity_curves(model, network, images, say)}
    print(f"{network.title}: {time.perf_counter() - began:.0f} s in all\n", flush=True)
    return run, met


def _teller(title: str) -> Callable[[str], None]:
    """Prints what is being done, but no two lines within TELL_SECONDS."""
    last = time.monotonic()

    def say(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= TELL_SECONDS:
            print(f"... {title}: {text}", flush=True)
            last = time.monotonic()

    return say


def named(names: Sequence[str]) -> list[str]:
    """The networks that are asked for, each once; `mnist` stands for two. ValueError names what is unknown."""
    for name in names:
        if name != "mnist" and name not in NETWORKS:
            near = get_close_matches(name, NETWORKS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(NETWORKS)}"
            raise ValueError(f"no network is called '{name}'; {hint}")
    return [one for one in NETWORKS if one in names or ("mnist" in names and one.startswith("mnist-"))]


def main() -> None:
    """Entry point of `python -m tinytorch.compressing`."""
    parser = argparse.ArgumentParser(prog="tinytorch.compressing", description=__doc__.partition("\n")[0])
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--out", type=Path, default=Path("runs/compress"))
    parser.add_argument("--seed", type=int, default=16)
    parser.add_argument("--epochs", type=int, help="of the first training, instead of the network's own number")
    parser.add_argument("--leash", action="store_true", help="end as soon as standard input closes")
    given = parser.parse_args()
    if given.leash:
        runs.end_with_standard_input()
    try:
        wanted = named(given.networks)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    flush_denormals()
    kernels.keep_memory()
    kernels.install()
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        with runs.alone(given.out):
            done = [compress(name, given.out, given.seed, given.epochs) for name in wanted]
            about = {"versions": runs.versions(), "networks": [run for run, _ in done]}
            (given.out / "compress.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
            picture.draw(about["networks"], given.out / "compress.png")
    except runs.Occupied as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"wrote {given.out / 'compress.json'} and {given.out / 'compress.png'}")
    sys.exit(0 if all(met for _, met in done) else 1)


if __name__ == "__main__":
    main()
