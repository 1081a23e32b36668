"""Random numbers inside compiled loops, from the `bit_generator` of a numpy Generator: bit for bit those of its own methods.

numba counts references to a Generator at every draw of a loop that draws in two places, which costs more than the draw; a bit generator has
none to count. These are the functions that numba's methods of a Generator call.
"""

from typing import Any

from numba.np.random.distributions import random_poisson, random_standard_exponential
from numba.np.random.generator_core import next_double

exponential: Any = random_standard_exponential
poisson: Any = random_poisson
uniform: Any = next_double
