"""Forsta Action Management: cases, notes, program lists, roles."""
