"""A transfer of inputs, taken to a higher layer by the target network itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent.tdlft.dbn import DBN
from agent.tdlft.embeddings.contract import Embedding


@dataclass(frozen=True)
class Lifted:
    """T^(i) = N_V^(i) o T^(0).

    Attributes:
        embedding: T^(0), fitted on the inputs of both networks.
        network: N_V.
        i: 0…l+1.
    """

    embedding: Embedding
    network: DBN
    i: int

    def transfer(self, source: ArrayLike) -> NDArray[np.float32]:
        """Inputs X_A (M, …) to H_V^(i) (M, width(i)) float32.

        Raises:
            TransferError: the embedding is not fitted, or rows of another width.
        """
        return self.network.layer(self.embedding.transfer(source), self.i)
