"""The event store: Hive-partitioned Parquet whose committed files a ledger names."""
