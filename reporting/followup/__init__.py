"""Follow-up recommendations as rows: offered from the impression or typed, matched to later exams, closed."""
