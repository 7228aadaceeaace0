"""Trackops: quality reviews of cases."""
