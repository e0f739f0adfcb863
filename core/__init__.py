"""What the HTTP side and the GPU side agree on."""
