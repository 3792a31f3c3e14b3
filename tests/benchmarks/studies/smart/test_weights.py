import torch

from benchmarks.studies.smart.weights import TRIALS, learn
from tests.agent.rigs import datasets


def test_the_same_trial_gives_the_same_hash_and_another_another() -> None:
    threads = torch.get_num_threads()
    data = datasets(train=200, test=20)
    try:
        first, again, other = (
            learn(data["image"], data["audio"], TRIALS[name], steps=4)
            for name in ("pair, float32", "pair, float32", "cluster, bfloat16")
        )
    finally:
        torch.set_num_threads(threads)
    assert first == again != other and len(first) == 64
