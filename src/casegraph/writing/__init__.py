"""Changes that lose nothing: one writer per case, fresh looks around each write, sure outcomes."""
