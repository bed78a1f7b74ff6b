"""Crop to text: alphabet, preprocessing, the network in ONNX Runtime, CTC decoding."""
