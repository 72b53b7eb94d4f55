"""Two rules of which a correlation may ask that the one matches and then not the other."""

FAILED_AND_EXPORT = """
title: Failed login
id: 00000000-0000-4000-8000-000000000001
name: failed
level: medium
logsource: {product: salesforce, service: Login}
detection: {s: {outcome: failure}, condition: s}
---
title: Export
id: 00000000-0000-4000-8000-000000000002
name: export
level: low
logsource: {product: salesforce, service: BulkApi2}
detection: {s: {record_count|gte: 0}, condition: s}
"""
