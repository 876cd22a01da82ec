"""Running a case on both sides in turn, and what came of it.

    python compare.py --out DIR [--threads N] [--rounds N] [--torch-python PY] [CASE ...]

Writes DIR/bench.json and DIR/bench.png and prints a table. Without PyTorch our own times are shown alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
SLOW_SPIN = 1.25


@dataclass(frozen=True)
class Result:
    """One case: microseconds a call on each side, ratios (PyTorch / ours), and how many blocks were dropped.

    The MiB are the most that the process held beyond what the imported framework takes; `whole` is the same with the
    framework, ours / PyTorch.
    """

    case: str
    title: str
    ours_us: float
    rate: float
    ours_mb: float
    ratio: tuple[float, float, float] | None = None
    best_ratio: tuple[float, float, float] | None = None
    torch_us: float | None = None
    torch_mb: float | None = None
    goal: float | None = None
    best_goal: float | None = None
    rounds: int = 0
    dropped: int = 0
    flops: int | None = None
    share: float | None = None
    whole: float | None = None


class Worker:
    """A worker process; silent until it is asked for a block."""

    def __init__(self, python: str, side: str, case: str, threads: int):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[name] = str(threads)
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), side, case, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        first = self.process.stdout.readline()
        if not first:
            raise SystemExit(f"error: the {side} side of '{case}' did not start; its message is above")
        self.items = json.loads(first)["per_call"]

    def block(self, seconds: float) -> dict:
        self.process.stdin.write(json.dumps({"seconds": seconds}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        answer["per_call"] = answer["seconds"] / answer["calls"]
        return answer

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def compare(case: str, pythons: dict[str, str], threads: int, rounds: int, seconds: float) -> Result:
    """Blocks of every side in turn; each round gives one ratio a side if its blocks were all clean."""
    from cases import CASES

    declared = CASES[case]
    both = "torch" in pythons and (declared.needs == "torch" or has_module(pythons["torch"], declared.needs))
    sides = ["ours", *(["torch"] if both else [])]
    if declared.has_best and both:
        sides.append("torch-best")
    workers = {side: Worker(pythons.get(side.split("-")[0], sys.executable), side, case, threads) for side in sides}
    blocks: list[dict[str, dict]] = []
    try:
        for _ in range(min(rounds, declared.rounds or rounds)):
            blocks.append({side: worker.block(seconds) for side, worker in workers.items()})
    finally:
        for worker in workers.values():
            worker.close()
    fastest = {side: min(t for b in blocks for t in b[side]["spin"]) for side in sides}
    clean = [b for b in blocks if all(max(b[side]["spin"]) <= SLOW_SPIN * fastest[side] for side in sides)]
    used = clean if len(clean) >= 5 else blocks
    ours = statistics.median(b["ours"]["per_call"] for b in used)
    return Result(
        case=case,
        title=declared.title,
        ours_us=ours * 1e6,
        rate=workers["ours"].items / ours,
        ours_mb=blocks[-1]["ours"]["peak_mb"],
        ratio=_ratio(used, "torch") if "torch" in sides else None,
        best_ratio=_ratio(used, "torch-best") if "torch-best" in sides else None,
        torch_us=statistics.median(b["torch"]["per_call"] for b in used) * 1e6 if "torch" in sides else None,
        torch_mb=blocks[-1]["torch"]["peak_mb"] if "torch" in sides else None,
        goal=declared.goal,
        best_goal=declared.best_goal,
        rounds=len(used),
        dropped=len(blocks) - len(clean),
        flops=declared.flops,
        whole=blocks[-1]["ours"]["whole_mb"] / blocks[-1]["torch"]["whole_mb"] if "torch" in sides else None,
    )


def _ratio(blocks: list[dict[str, dict]], side: str) -> tuple[float, float, float]:
    """Median of the rounds' ratios, and the range of the middle half."""
    ratios = sorted(b[side]["per_call"] / b["ours"]["per_call"] for b in blocks)
    if len(ratios) < 4:
        return statistics.median(ratios), ratios[0], ratios[-1]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return middle, low, high


def table(results: list[Result]) -> str:
    head = f"{'case':24} {'us a call':>12} {'torch us':>12} {'ratio':>7} {'middle half':>13} {'goal':>5} "
    head += f"{'best':>6} {'goal':>5} {'MB':>5} {'torch MB':>9} {'whole':>6} {'share':>6} {'blocks':>8}"
    lines = [head]
    for r in results:
        ratio = f"{r.ratio[0]:7.2f} {r.ratio[1]:5.2f} to {r.ratio[2]:4.2f}" if r.ratio else f"{'-':>7} {'-':>13}"
        best = f"{r.best_ratio[0]:6.2f}" if r.best_ratio else f"{'-':>6}"
        torch_us = f"{r.torch_us:12,.1f}" if r.torch_us else f"{'-':>12}"
        torch_mb = f"{r.torch_mb:9.0f}" if r.torch_mb else f"{'-':>9}"
        goals = [f"{g:5.2f}" if g else f"{'-':>5}" for g in (r.goal, r.best_goal)]
        share, whole = (f"{x:6.2f}" if x else f"{'-':>6}" for x in (r.share, r.whole))
        blocks = f"{r.rounds}" + (f" (-{r.dropped})" if r.dropped else "")
        lines.append(
            f"{r.case:24} {r.ours_us:12,.1f} {torch_us} {ratio} {goals[0]} {best} {goals[1]}"
            f" {r.ours_mb:5.0f} {torch_mb} {whole} {share} {blocks:>8}"
        )
    return "\n".join(lines)


def plot(results: list[Result], path: Path) -> None:
    """Ratios as bars with the range of the middle half, goals as ticks."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = [r for r in results if r.ratio]
    if not shown:
        return
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(shown) + 1.4))
    for i, r in enumerate(reversed(shown)):
        for offset, ratio, colour, goal in (
            (0.2, r.ratio, "#1f6f8b", r.goal),
            (-0.2, r.best_ratio, "#99a8b2", r.best_goal),
        ):
            if ratio is None:
                continue
            errors = [[ratio[0] - ratio[1]], [ratio[2] - ratio[0]]]
            axes.barh(i + offset, ratio[0], height=0.36, color=colour, xerr=errors)
            if goal:
                axes.plot([goal, goal], [i + offset - 0.22, i + offset + 0.22], color="#c0392b", lw=2)
    axes.axvline(1, color="black", lw=0.8)
    axes.set_yticks(range(len(shown)), [r.title for r in reversed(shown)], fontsize=8)
    axes.set_xlabel("PyTorch's time / ours (dark: PyTorch's default, light: its best setting, red: goal)")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def has_module(python: str, name: str) -> bool:
    return subprocess.run([python, "-c", f"import {name}"], capture_output=True).returncode == 0


def with_shares(results: list[Result]) -> list[Result]:
    """The results with the share of the matrix-product peak that each reached, if this run measured the peak too."""
    peak = next((r.rate for r in results if r.case == "peak"), None)
    return [replace(r, share=r.flops / r.ours_us * 1e6 / peak) if r.flops and peak else r for r in results]


def main() -> None:
    sys.path.insert(0, str(HERE))
    from cases import CASES

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--torch-python", default=sys.executable)
    args = parser.parse_args()
    pythons = {"torch": args.torch_python} if has_module(args.torch_python, "torch") else {}
    if not pythons:
        print(
            f"PyTorch is not installed for {args.torch_python}; our own times alone (see --torch-python)",
            file=sys.stderr,
        )
    results = []
    for case in args.cases or CASES:
        print(f"{case} ...", file=sys.stderr, flush=True)
        results.append(compare(case, pythons, args.threads, args.rounds, args.seconds))
    results = with_shares(results)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "bench.json").write_text(json.dumps([asdict(r) for r in results], indent=1) + "\n")
    plot(results, args.out / "bench.png")
    print(table(results))


if __name__ == "__main__":
    main()
