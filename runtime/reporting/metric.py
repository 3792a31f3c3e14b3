"""The declaration of one Ray metric; a class that makes a figure declares its metric in `metrics`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One Ray metric, seen by Prometheus as `ray_<name>`.

    Attributes:
        name: in Ray.
        help: what it means, with its unit.
        prefix: figures `<prefix><rest>` feed it.
        tag: the label that takes `<rest>`; empty where the prefix is the whole key.
        counter: whether it is a total that never falls.
    """

    name: str
    help: str
    prefix: str
    tag: str = ""
    counter: bool = False
