"""Why a vehicle did what it did: from a decision back to the packet, the radio event, the load."""

from cosim.why.chain import EVENTS, Chain, explain, explain_worst
from cosim.why.paired import Pairing, compare_with
from cosim.why.text import as_json, told

__all__ = [
    "EVENTS",
    "Chain",
    "Pairing",
    "as_json",
    "compare_with",
    "explain",
    "explain_worst",
    "told",
]
