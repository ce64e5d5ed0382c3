"""The Python API: one service per command; what it takes and returns is plain data."""
