"""What the gateway tells of itself: log lines, metrics and spans, and never a secret in them."""
