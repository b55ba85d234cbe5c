"""The hook for speech recognition: an engine learns what is dictated into, and its words go to the room."""
