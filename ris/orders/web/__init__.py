"""Orders and the device board on screen and over REST: parse, authorise, call one service, render."""
