"""Scheduling: when devices are open, what is free, who waits for a time.

An appointment *is* a scheduled step on its device (``ris.orders``), so nothing here can disagree with the modality
worklist; that two do not reserve one device at once is held by the database (``ris.orders.services.reservation``).
This app knows what a step does not: opening hours, closures, blocks, holds of somebody who fills in a form, the
waiting list with its offers, reminders.

================  =======================================================================================
``rules``         pure: intervals of a day by a site's clock, free time as bits, slots of several exams
``selectors``     what is free and why not sooner; the calendar of a day or week; conflicts; who waits
``services``      holds, closures, appointments called off and missed, waiting list, reminders
``doubts``        what of this speaks against a booking (asked by ``ris.orders.services.booking``)
================  =======================================================================================
"""
