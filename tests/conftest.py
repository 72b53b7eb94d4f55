"""How many examples a law is tried on: a few by default, all of them where there is time."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("quick", max_examples=20)
settings.register_profile("thorough", max_examples=100)
settings.load_profile(os.environ.get("COLLECTOR_TEST_PROFILE", "quick"))
