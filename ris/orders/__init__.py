"""Orders: requested procedures, scheduled and performed steps, studies (IHE Scheduled Workflow; Order Filler).

==================  =====================================================================================
``states``          the state diagrams of an order, a scheduled and a performed step
``models``          their rows
``intents``         what an edge has read, in plain values
``services``        placement, revision, cancellation; booking; performed steps, by device or by hand;
                    reconciliation; studies; moves between patients
``mwl``             the modality worklist: the question, its SQL, its rows
``selectors``       what a person or a device asks for
``web``             pages and REST
``events``          what became true; ``subscribers``: what of the patients' events concerns orders
==================  =====================================================================================

The way of one order: an edge reads an ``OrderIntent`` → ``services.place_order`` writes order, procedures and
steps, and emits ``OrderPlaced`` → ``mwl.query`` lists the steps to scanners → ``services.start_exam`` and
``complete_exam`` move them as MPPS tells → ``ExamCompleted`` opens the reading item in ``worklist``.
"""
