"""Operations of an interface analyst: preview, replay, resend, skip, pause, bulk replay, retention, conformance."""
