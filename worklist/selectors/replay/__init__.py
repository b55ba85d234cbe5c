"""The past played again through the simulation; nothing is written.

``past`` reads cases and readers of a period, ``player`` plays them, ``comparison`` sets a draft of the rules against
those of then, ``tuning`` looks for better numbers of the score.
"""
