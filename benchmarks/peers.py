"""Runs the other counters on further networks and writes the tables of docs/peers.md: `python benchmarks/peers.py --write`.

The figures of docs/peers.md between its two marks are made here, with the date and the versions; the words around them
are written by people. Needs `pip install 'archscope-torch[peers,hf]'`, and takes some minutes.
"""

from __future__ import annotations

import argparse
import datetime as dt
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from archscope import Report, load
from archscope.judge.crosscheck import crosscheck
from archscope.results.crosscheck import COUNTED, Crosscheck, PeerResult

PAGE = Path(__file__).parents[1] / "docs" / "peers.md"
START, END = "<!-- made by benchmarks/peers.py -->\n", "<!-- end -->\n"


class Network(NamedTuple):
    """A network of a kind: what the table calls it, and the MODEL with its options."""

    title: str
    model: str
    options: tuple[tuple[str, int], ...] = ()


NETWORKS = (
    Network("BERT-base, 2 of 12 layers, 128 tokens", "hf:BertModel", (("num_hidden_layers", 2),)),
)


def cell(result: PeerResult, ours: int) -> str:
    """A peer's MACs as a ratio to archscope's; what it said where it gave none."""
    if result.status != COUNTED or result.macs is None:
        return result.status
    if result.macs == ours:
        return "equal"
    return f"{result.macs / ours:.4f}"


def parameters(result: PeerResult, ours: int) -> str:
    """A peer's parameters less archscope's."""
    if result.parameters is None:
        return "-"
    return "equal" if result.parameters == ours else f"{result.parameters - ours:+,}"


def causes(title: str, found: Crosscheck) -> list[str]:
    """One line for each peer that differs: its largest differences."""
    lines = []
    for result in found.results:
        if result.status != COUNTED:
            first = result.detail.splitlines()[0] if result.detail else ""
            lines.append(f"| {title} | {result.peer} | {result.status}: {first[:160].replace('|', '/')} |")
        elif result.macs_differences:
            parts = [f"{part.what.strip()} {part.amount:+,}" for part in result.macs_differences[:3]]
            more = len(result.macs_differences) - 3
            lines.append(f"| {title} | {result.peer} | {', '.join(parts)}{f', {more} more' if more > 0 else ''} |")
    return lines


def section() -> str:
    """The tables, with the date and the versions."""
    found: list[tuple[Network, Crosscheck]] = []
    for network in NETWORKS:
        spec = load(network.model, **dict(network.options))
        if isinstance(spec, Report):
            raise TypeError(network.model)
        found.append((network, crosscheck(spec, announce=lambda text: print(text, file=sys.stderr))))
    peers = [result.peer for result in found[0][1].results]
    versions = ", ".join(f"{result.peer} {result.version}" for result in found[0][1].results)
    head = f"| network | MACs | {' | '.join(peers)} |\n|:--|--:|{'--:|' * len(peers)}\n"
    ratios = [
        f"| {network.title} | {one.macs:,} | {' | '.join(cell(result, one.macs) for result in one.results)} |"
        for network, one in found
    ]
    counts = [
        f"| {network.title} | {one.parameters:,} | "
        f"{' | '.join(parameters(result, one.parameters) for result in one.results)} |"
        for network, one in found
    ]
    times = [
        f"| {network.title} | {one.milliseconds / 1000:.1f} | "
        f"{' | '.join('-' if r.milliseconds is None else f'{r.milliseconds / 1000:.1f}' for r in one.results)} |"
        for network, one in found
    ]
    day = dt.datetime.now(tz=dt.UTC).date()
    lines = [
        f"Measured on {day}, Python {platform.python_version()}, torch {version('torch')}, transformers",
        f"{version('transformers')}; {versions}; archscope {version('archscope-torch')}.",
        "",
        "MACs, each counter's as a ratio to archscope's (FLOPs of those that give these are halved):",
        "",
        head + "\n".join(ratios),
        "",
        "Parameters, the difference to archscope's, which counts each one once by identity:",
        "",
        head.replace("| MACs |", "| parameters |") + "\n".join(counts),
        "",
        "Seconds of the call alone, models built and libraries imported beforehand, on a busy machine of two cores",
        "(the others compute on the CPU, archscope does not; read no more than the order of magnitude from them):",
        "",
        head.replace("| MACs |", "| archscope |") + "\n".join(times),
        "",
        "What each difference consists of, the three largest parts:",
        "",
        "| network | counter | difference |\n|:--|:--|:--|",
        *[line for network, one in found for line in causes(network.title, one)],
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the tables, or put them into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    made = section()
    if parser.parse_args().write:
        text = PAGE.read_text(encoding="utf-8")
        between = re.compile(re.escape(START) + ".*?" + re.escape(END), re.DOTALL)
        PAGE.write_text(between.sub(lambda _: f"{START}\n{made}\n{END}", text), encoding="utf-8")
    else:
        sys.stdout.write(made)


if __name__ == "__main__":
    main()
