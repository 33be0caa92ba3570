"""archscope tells exactly what a PyTorch network costs, where, and by which rule."""
