"""Any diffusers pipeline: loaded, called by its own signature, fitted to the memory of the device."""
