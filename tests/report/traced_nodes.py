"""A node that tells in which span it runs; worker processes import it, too."""

from __future__ import annotations

import logging


def tell_span(x: int) -> str:
    from opentelemetry import trace

    logging.getLogger("sparkpipe.node").warning("at work")
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:x}/{context.span_id:x}"
