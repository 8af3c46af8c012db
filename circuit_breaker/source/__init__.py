"""Source: YAML and JSON texts read strictly, with the line and column of everything in them, and written again.

Pure. A definition of any kind is read from a :class:`~circuit_breaker.source.cursor.Cursor` over what was read.
"""
