"""The rules of orchestration: pure functions of facts and a moment. Nothing here reads a clock or a database."""
