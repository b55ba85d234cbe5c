"""The DICOM upper layer (PS3.8) and message exchange (PS3.7) as service class provider.

The way of one message: ``acceptor`` (listens, counts, admits) → ``association`` (PDUs of one connection) →
``message_exchange`` (data values become messages, answered in turn) → ``c_find`` or ``n_services`` (one message, on a
thread of ``ris.kernel.db.threads``) → back through ``message_exchange`` to the socket. ``pdu`` and ``dimse`` hold the
bytes of both layers, ``admission`` who may associate. One event loop runs all associations: an idle one costs a
socket and no thread.

State table of the acceptor (PS3.8 section 9.2, tables 9-6 to 9-10). Our names of its states:

=================  ========  ==================================================================================
``association``    PS3.8     meaning
=================  ========  ==================================================================================
AWAIT_REQUEST      Sta2      connected, the association request is not whole; ARTIM is ``REQUEST_TIMEOUT_S``
ADMITTING          Sta3      the request is whole, a database thread looks the caller up
ESTABLISHED        Sta6      messages are exchanged; Sta8 once a release is asked for and answers are pending
CLOSED             Sta13     the last PDU is written, the peer has ``LINGER_S`` to close; then Sta1
=================  ========  ==================================================================================

=================================  ===================  ===================  ========================  =========
event                              AWAIT_REQUEST        ADMITTING            ESTABLISHED               CLOSED
=================================  ===================  ===================  ========================  =========
A-ASSOCIATE-RQ                     AE-6 → ADMITTING     (kept, read later)   AA-8: abort → CLOSED      AA-6
caller admitted                    –                    AE-7: AC written     –                         –
caller refused                     –                    AE-8: RJ → CLOSED    –                         –
P-DATA-TF                          AA-1: abort          (kept, read later)   DT-2: data values         AA-6
A-RELEASE-RQ                       AA-1: abort          (kept, read later)   AR-2, AR-4 when answered  AA-6
A-ABORT                            AA-1: abort          (kept, read later)   AA-3 → CLOSED             AA-6
bytes that are no PDU, or limits   AA-1: abort          abort                AA-8: abort → CLOSED      AA-6
ARTIM or idle time over            AA-2: close          AA-2: close          abort → CLOSED            AA-2
connection lost                    AA-5                 AA-4                 AA-4                      AR-5
=================================  ===================  ===================  ========================  =========
"""
