"""Khoros connector: customers' social cases."""
