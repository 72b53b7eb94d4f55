"""From matches to alerts, and from alerts to the channels that hear of them."""

from collector.alerting.compare import News, compare
from collector.alerting.episodes import Folded, fold
from collector.alerting.routes import channels_for

__all__ = ["Folded", "News", "channels_for", "compare", "fold"]
