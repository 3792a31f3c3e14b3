"""What a run has learned as ONNX files, which other programs run with onnxruntime and numpy alone."""
