"""Links from other systems (IHE Invoke Image Display, RAD-106): signed, short-lived, to a result or to the images.

A program asks for a link by patient, accession number or study; a person opens it in a browser, signs in as ever and is
led to what they may see. The link names rows by id: no patient stands in an address.
"""
