"""A trainee's report and its supervisor, as pages and REST: return for revision, notices of discrepancies."""
