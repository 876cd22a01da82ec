"""`python -m tinytorch.mlops --out DIR`: the long proofs of the production code; see proofs.py."""

import argparse
import json
import sys
from pathlib import Path

from tinytorch.mlops import proofs


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tinytorch.mlops", description="Try what the production code claims."
    )
    parser.add_argument("--out", type=Path, default=Path("runs/mlops"), help="folder for proofs.json and proofs.png")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the windows and experiments")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found = proofs.run(quick=options.quick)
    (options.out / "proofs.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    proofs.draw(found, options.out / "proofs.png")
    print(f"wrote {options.out / 'proofs.json'} and proofs.png")
    return 0 if all(claim["kept"] for claim in found["claims"]) else 1


sys.exit(main())
