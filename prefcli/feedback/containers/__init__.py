"""Rows out of files: JSONL, JSON, CSV and tables; plain, packed or in archives; a path or stdin.

What a file is follows from its content; its name only decides where the content leaves it open.
A reader never stops at a bad row: it hands the row on with its problem, its line and its text, so
that one look at a file finds every fault in it. Text is decoded so that a row that is not UTF-8
can be saved byte for byte as it came.

Rows come one at a time, out of packed data too, and memory holds one of them. What cannot be read
from front to back (a zip archive, Parquet, Excel, SQLite) is copied to a temporary file where it
comes through a pipe or out of other packing.

    sources     which files are meant: directories, patterns
    files       what a file is, and who reads it
    streams     opening, first bytes, unpacking; `archives`: zip and tar
    text        encodings and lines; `json_rows` and `csv_rows` read them
    tables      Parquet and Arrow; `workbooks`: Excel; `databases`: SQLite
"""

from prefcli.feedback.containers.files import read_files, read_rows
from prefcli.feedback.containers.rows import Row, source_name
from prefcli.feedback.containers.sources import expand

__all__ = ["Row", "expand", "read_files", "read_rows", "source_name"]
