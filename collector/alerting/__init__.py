"""From matches to alerts, and from alerts to the channels that hear of them."""

from collector.alerting.episodes import Folded, fold
from collector.alerting.routes import channels_for

__all__ = ["Folded", "channels_for", "fold"]
