"""Other counters on the same model, each in a process of its own, and what makes them differ."""

from archscope.judge.crosscheck.crosscheck import PEERS, crosscheck
from archscope.results.crosscheck import Crosscheck, Difference, PeerResult

__all__ = ["PEERS", "Crosscheck", "Difference", "PeerResult", "crosscheck"]
