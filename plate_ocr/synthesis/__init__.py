"""Plates that never existed, drawn from regions' YAML files."""
