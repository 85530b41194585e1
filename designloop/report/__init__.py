"""What a run has found: the answer, its tables, its figures; from the run directory alone."""

from designloop.report.answer import Answer, answer
from designloop.report.draw import draw
from designloop.report.screen import last_screen
from designloop.report.table import rows, write_csv, write_xlsx

__all__ = ["Answer", "answer", "draw", "last_screen", "rows", "write_csv", "write_xlsx"]
