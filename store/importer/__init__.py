"""Taxpayers, bills and payments from a CSV or XLSX file: checked row by row, taken in whole or not at all."""

from store.importer.columns import Kind
from store.importer.reader import UnreadableFileError
from store.importer.report import ImportReport, Progress, RowError
from store.importer.run import import_file

__all__ = ["ImportReport", "Kind", "Progress", "RowError", "UnreadableFileError", "import_file"]
