"""How urgent a case is. ``updates`` takes in what changes it (AI results, marks, priority, pauses of the clock).

``item_price`` turns the facts of a case into the columns of its row by the rules in force, places it in its lane and
moves it to the next.
"""
