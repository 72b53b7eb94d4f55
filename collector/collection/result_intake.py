"""Takes in what a source has fetched: batches, losses and failures, each for itself."""

from __future__ import annotations

from collector.collection.disk_watch import DiskWatch
from collector.collection.poll_tally import PollTally
from collector.collection.stream_memory import StreamMemory
from collector.disk_space import is_disk_full
from collector.errors import StoppedError
from collector.ingest.pipeline import Pipeline
from collector.logs import log
from collector.model import Batch
from collector.sources import FetchFailure, FetchResult, LostBatch


class ResultIntake:
    """The way of one org's results into the pipeline."""

    def __init__(self, *, pipeline: Pipeline, memory: StreamMemory, disk_watch: DiskWatch) -> None:
        self._pipeline = pipeline
        self._memory = memory
        self._disk_watch = disk_watch

    def take_result(self, result: FetchResult, tally: PollTally) -> None:
        """Take in a result and add it to the tally. A batch that fails is tried by the next poll.

        Raises:
            DiskFullError: there is no room for it.
            StoppedError: we were asked to end.
        """
        match result:
            case FetchFailure():
                tally.add_failure(result.reason)
                self._memory.record_fetch_failure(result)
            case LostBatch():
                self._pipeline.mark_lost(tally.place_batch(result.batch), result.reason)
                tally.problems.append(f"lost: {result.reason}")
            case Batch():
                self._ingest_batch(tally.place_batch(result), tally)

    def take_again(self, tally: PollTally, result: FetchResult) -> int | None:
        """Take in what was fetched again; how many events it has, None where it failed."""
        own_tally = PollTally(tally.stream, lane=tally.lane)
        self.take_result(result, own_tally)
        tally.add_tally(own_tally)
        return None if own_tally.has_failed else own_tally.rows + own_tally.duplicates

    def _ingest_batch(self, batch: Batch, tally: PollTally) -> None:
        try:
            ingested = self._pipeline.ingest(batch, lane=tally.lane)
        except StoppedError:
            raise
        except Exception as error:
            if is_disk_full(error):
                raise self._disk_watch.note_full_disk(error) from error
            log.exception("batch_broke", stream=str(batch.stream), batch=batch.key)
            reason = f"{batch.event_type} {batch.key}: {type(error).__name__}: {error}"
            tally.add_failure(reason)
            self._memory.record_fetch_failure(FetchFailure(reason=reason, key=batch.key))
            return
        tally.batches += 1 if batch.segments else 0
        tally.rows += ingested.rows
        tally.duplicates += ingested.duplicates
        tally.problems.extend(ingested.quarantine_reasons)
