"""`tito monitor`: a running service in the terminal. It reads what the service's own page reads, and nothing else; no
framework is needed, so it works for a service on another machine too."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import webbrowser
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from autograder.errors import UserError

BARS = " ▁▂▃▄▅▆▇█"
SHOWN = 40  # seconds of a curve: with its title it fits into 80 columns
PATIENCE = 3.0  # seconds that an answer is waited for


@dataclass(frozen=True)
class Seen:
    """One look at a service: what it said, or why it could not be asked."""

    status: dict[str, Any] | None
    problem: str = ""

    @property
    def well(self) -> bool:
        """Ready, and nothing that a person should look at."""
        s = self.status
        return s is not None and s["state"] == "ready" and not s["alerts"] and not s["notes"]


@click.command("monitor")
@click.argument("url", default="http://127.0.0.1:8000")
@click.option("--every", type=click.FloatRange(0.2), default=1.0, show_default=True, help="Seconds between two looks.")
@click.option("--once", is_flag=True, help="Look once; status 0 if all is well, 1 if not, 2 without an answer.")
@click.option("--page", is_flag=True, help="Open the service's page in a browser instead.")
def command(url: str, every: float, once: bool, page: bool) -> None:
    """Watch the service at URL: latency, throughput, drift, accuracy, alerts, versions. Ctrl-C ends it."""
    if not url.startswith(("http://", "https://")):
        raise UserError(f"{url} is no address of a service; give one such as http://127.0.0.1:8000")
    url = url.rstrip("/")
    console = Console(highlight=False)
    if page:
        if not webbrowser.open(f"{url}/"):
            raise UserError(f"no browser could be started; open {url}/ yourself")
        return
    seen = look(url)
    if once:
        if seen.status is None:
            raise UserError(seen.problem)
        console.print(drawn(url, seen))
        raise SystemExit(0 if seen.well else 1)
    with Live(drawn(url, seen), console=console, auto_refresh=False) as live:
        while True:
            try:
                time.sleep(every)
                live.update(drawn(url, look(url)), refresh=True)
            except KeyboardInterrupt:
                return


def look(url: str) -> Seen:
    """Ask a service how it is."""
    try:
        with urllib.request.urlopen(f"{url}/status", timeout=PATIENCE) as response:
            status = json.load(response)
        missing = {"state", "alerts", "notes", "seconds", "versions"} - set(status)
    except (OSError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", error)
        return Seen(None, f"no service answers at {url} ({reason}); start one with: tito serve NAME")
    except (ValueError, TypeError):
        return Seen(None, f"what answers at {url} is no service of tito serve")
    return Seen(None, f"what answers at {url} is no service of tito serve") if missing else Seen(status)


# ---- drawing ---------------------------------------------------------------------------------------------------------


def drawn(url: str, seen: Seen) -> Group:
    """One look as lines and tables."""
    if seen.status is None:
        return Group(Text(seen.problem, style="red"))
    s = seen.status
    head = Text.assemble(
        (plain(f"{s['name']} version {s['version']}"), "bold"),
        "  ",
        (plain(s["state"]), "green" if seen.well else "yellow"),
    )
    head.append(f"  {url}", style="dim")
    problems = [Text(plain(f"! {a['text']}"), style="red") for a in s["alerts"]]
    problems += [Text(plain(f"! {note}"), style="yellow") for note in s["notes"]]
    return Group(head, *problems, _figures(s), _curves(s["seconds"]), _drift(s["drift"]), _versions(s))


def _figures(s: dict[str, Any]) -> Table:
    traffic, labels, last = s["traffic"], s["labels"], s["seconds"][-5:]
    table = Table(box=None, pad_edge=False, header_style="dim")
    shed = sum(second["shed"] for second in last) / max(len(last), 1)
    cells = {
        "answers/s": f"{sum(second['answered'] for second in last) / max(len(last), 1):.1f}",
        "median": _ms(traffic.get("latency_p50")),
        "slowest 1 %": _ms(traffic.get("latency_p99")),
        "refused/s": f"{shed:.1f}",
        "failed": _percent(traffic.get("error_rate")),
        "waiting": f"{s['queue']['waiting']} of {s['queue']['bound']}",
        "accuracy": _percent(labels.get("accuracy")),
    }
    for name in cells:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row(*cells.values())
    return table


def _curves(seconds: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for title, key, unit in (("answers/s", "answered", ""), ("slowest 1 %", "p99", " ms"), ("refused/s", "shed", "")):
        values = [second[key] for second in seconds[-SHOWN:]]
        known = [v for v in values if v is not None]
        table.add_row(Text(title, style="dim"), bars(values), f"up to {max(known, default=0):.0f}{unit}")
    return table


def bars(values: list[float | None]) -> str:
    """Values as a row of blocks, the greatest the tallest; nothing for None."""
    top = max((v for v in values if v is not None), default=0) or 1
    return "".join(" " if v is None else BARS[round(v / top * (len(BARS) - 1))] for v in values)


def _drift(drift: dict[str, Any]) -> Text:
    if not drift["watched"]:
        return Text("drift: not watched, this version came without a reference", style="dim")
    if not drift["checks"]:
        return Text(f"drift: {drift['gathered']} of {drift['window']} inputs for the first check", style="dim")
    moved = [plain(name) for name, found in drift["features"].items() if found["drifted"]]
    said = f"drift: {', '.join(moved)} not as in training" if moved else "drift: none"
    return Text(f"{said} (check {drift['checks']})", style="red" if moved else "")


def _versions(s: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("version", "registered", "accuracy", "bytes", ""):
        table.add_column(name, justify="left" if name in ("registered", "") else "right", no_wrap=True)
    for v in s["versions"]:
        notes = v["notes"]
        state = "answers" if v["current"] else "rollback leads here" if v["version"] == s["rollback_to"] else ""
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(v["created"]))
        size = f"{notes['bytes']:,}" if isinstance(notes.get("bytes"), int) else "–"
        table.add_row(
            str(v["version"]),
            when,
            _percent(notes.get("accuracy"), 2),
            size,
            state,
            style="bold" if v["current"] else "",
        )
    return table


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:.1f} ms"


def _percent(share: Any, digits: int = 1) -> str:
    return f"{share * 100:.{digits}f} %" if isinstance(share, (int, float)) else "–"


def plain(text: str) -> str:
    """What a service says, unable to steer the terminal."""
    return "".join(c if c.isprintable() else " " for c in str(text))
