"""Pages and REST of HL7: messages, senders and their tables, destinations, bulk replays."""
