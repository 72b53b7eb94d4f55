"""From matches to alerts, and from alerts to the channels they are sent to."""

from collector.alerting.folding import EpisodeChanges, fold_episodes, needs_notification
from collector.alerting.identity import build_alert_id
from collector.alerting.match_diff import MatchDiff, diff_matches
from collector.alerting.routing import select_channels, select_org_channels

__all__ = [
    "EpisodeChanges",
    "MatchDiff",
    "build_alert_id",
    "diff_matches",
    "fold_episodes",
    "needs_notification",
    "select_channels",
    "select_org_channels",
]
