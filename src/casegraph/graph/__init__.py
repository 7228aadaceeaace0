"""The schema: types name each other freely here, and only here."""
