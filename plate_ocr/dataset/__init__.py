"""Labelled crops of one's own: taking them over from elsewhere, checking, counting and splitting them."""
