"""What ``import archscope`` offers: the functions behind its names, and how results show themselves."""
