"""A real process collects by the rules as the configuration tunes them."""

from __future__ import annotations

import pytest
from cli.processes import invoke_command, parse_lines, run_collector, write_config


@pytest.mark.slow
def test_what_is_tuned_away_alerts_nobody(polled, tmp_path):
    """Untuned, the same org has one alert: that is what other tests look at."""
    rules = {"tune": {"*": {"exclude": {"user_name": "eve@*"}}}}
    config = write_config(
        tmp_path,
        polled.org.base_url,
        channels={"here": {"type": "terminal"}},
        rules=rules,
    )
    run_collector("run", "--once", "-c", config, cwd=tmp_path)

    assert 1 == len(parse_lines(invoke_command("alerts", "list", "--json", "-c", polled.config)))
    assert [] == parse_lines(invoke_command("alerts", "list", "--json", "-c", config))
