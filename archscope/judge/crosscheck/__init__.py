"""Running other counters (peers) on a model, each in a process of its own, and explaining the differences."""

from archscope.judge.crosscheck.crosscheck import PEERS, crosscheck
from archscope.results.crosscheck import Crosscheck, Difference, PeerResult

__all__ = ["PEERS", "Crosscheck", "Difference", "PeerResult", "crosscheck"]
