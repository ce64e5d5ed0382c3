"""Measurements that are too long for a test; each module is run as `python -m benchmarks.NAME`."""
