"""One outgoing call made safe; one file per behaviour."""
