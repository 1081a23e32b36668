"""Draw random numbers in compiled loops, from the bit generator of a numpy Generator.

They equal the numbers that the methods of `numpy.random.Generator` return, bit for bit. Numba
counts the references to a Generator at every draw of a loop, which costs more than the draw. A bit
generator has no references to count, so a kernel takes `rng.bit_generator` and calls the functions
below.
"""

from typing import Any

from numba.np.random.distributions import random_poisson, random_standard_exponential
from numba.np.random.generator_core import next_double

exponential: Any = random_standard_exponential
"""`exponential(bits)` draws a standard exponential number, as `rng.standard_exponential()`."""

poisson: Any = random_poisson
"""`poisson(bits, mean)` draws a Poisson number, as `rng.poisson(mean)`."""

uniform: Any = next_double
"""`uniform(bits)` draws a number from 0 to below 1, as `rng.random()`."""
