"""Who is the same case: identities, the rules that link them, and following a rule both ways."""
