"""The reading worklist: which exam is read by whom, when, and why.

``rules``       pure functions: pricing, score (with lanes and ladder), eligibility, preference, priors, rule language
``models``      reading items, readers, roster, rule sets, policies, escalations
``selectors``   questions: reading lists, readers at a moment, facts of a case, coverage, explanations, replays
``services``    promises, one transaction each: open, price, suggest, claim, escalate, roster, rules in force
``live``        the websocket that tells screens which items changed
``pages``, ``api``  the same over HTML and REST
``simulation``  discrete-event simulation of reading with the same rules

The way of a case: an exam is completed ⇒ ``subscribers`` → ``services.items`` (readable? then opened) →
``services.urgency.item_price`` (facts, rules, score, lane) ⇒ ItemOpened → ``services.assignment`` suggests a reader ⇒
``live.hub`` tells the screens → a reader claims (``services.claims``) or asks for the next case
(``services.next_case``) → the report is signed → ``services.claims.leases.finish``.
"""
