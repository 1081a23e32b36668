"""Name the types of the arrays that the checks take."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
"""Floats of any precision."""
Integers = NDArray[np.integer[Any]]
"""Integers of any size, such as class numbers."""
