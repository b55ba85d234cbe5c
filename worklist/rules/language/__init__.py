"""Rules as data: ``parser`` reads and evaluates them, ``conditions`` are their tests, ``flaws`` finds those that never
act or contradict each other, ``sentences`` says them in words.
"""
