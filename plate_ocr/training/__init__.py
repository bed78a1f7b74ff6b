"""Crops to a model, in Keras. Nothing that only reads imports this room."""
