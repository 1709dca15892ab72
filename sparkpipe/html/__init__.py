"""What notebooks and browsers show: tables without scripts, and the page of a run or a plan.

The colours of tables are shades of grey over whatever is there, so that they are legible on light
and dark. The page is a program of its own (``page.js``, ``page.css``, ``unpack.js``), built from
the sources in ``sparkpipe/report/page/frontend``.
"""
