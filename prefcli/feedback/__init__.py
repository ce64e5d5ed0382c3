"""Feedback: the records, and one reader per file format."""
