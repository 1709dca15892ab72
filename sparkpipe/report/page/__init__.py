"""One page of a plan or a run: a document of plain values, and the HTML file that shows it."""

from sparkpipe.html.page import Page, page_of
from sparkpipe.report.page.document import SCHEMA, document_of_plan, document_of_run

__all__ = ["SCHEMA", "Page", "document_of_plan", "document_of_run", "page_of"]
