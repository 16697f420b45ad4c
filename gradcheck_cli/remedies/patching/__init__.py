"""From the edits of a fix to changed source: libcst on the node at the exact place."""
