"""Kayako: satisfaction ratings."""
