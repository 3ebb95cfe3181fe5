"""What the neural recipes share: one training loop, one place for losses, one sampler, one way into ONNX."""
