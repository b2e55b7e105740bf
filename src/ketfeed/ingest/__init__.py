"""Bytes become entries: read any format, then clean, date, link and identify what it says."""
