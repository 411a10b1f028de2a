"""One seed for all random data of a session, printed in its header.

SYNC_TEST_SEED=123 make test repeats the data of the session whose header says 123. Parallel workers inherit the
variable from the process that starts them, so they all have the same seed.
"""

import os
import random

VARIABLE = "SYNC_TEST_SEED"


def session_seed() -> int:
    """The seed of this session: from the environment, or else a new one, which is stored there."""
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        # Above the fixed seeds of the data sets, which are small numbers.
        given = os.environ[VARIABLE] = str(random.SystemRandom().randrange(1_000, 1_000_000_000))
    return int(given)


def random_numbers_of(test_id: str) -> random.Random:
    """The source of random numbers of one test. It depends on the seed and the test only, not on other tests."""
    return random.Random(f"{session_seed()} {test_id}")


def how_to_repeat(test_id: str) -> str:
    """What a developer types to run that test with the random data of this session."""
    return f"{VARIABLE}={session_seed()} PYTHONPATH=plugins:. .venv/bin/python -m pytest '{test_id}'"
