"""The Jinja2 templates that render/ fills; the folder is a package so that it is installed with the code."""
