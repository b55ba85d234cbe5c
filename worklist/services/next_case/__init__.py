"""The next case for a reader: chosen and claimed in one statement at the moment it is asked.

``selection`` asks who the reader is and runs the statement, ``probes`` says in which lanes to look and by what to
filter, ``postgresql`` and ``sqlite`` write the statement.
"""
