"""The conditional generator: network, inference engines, and its export to ONNX."""
