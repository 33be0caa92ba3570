"""Face detection: data, training, detection, and evaluation by the WIDER FACE protocol. Each part is imported alone."""
