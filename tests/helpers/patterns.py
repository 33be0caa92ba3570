"""What a component's pattern matches, worked out letter by letter, without archscope."""

from __future__ import annotations


def matches(pattern, path):
    """By the words of the docstring, one character at a time."""
    if pattern == "**":
        return True
    if pattern.endswith(".**"):
        top = pattern[:-3]
        return any(fits(top, path[:k]) for k in range(len(path) + 1) if k == len(path) or path[k] == ".")
    return fits(pattern, path)


def fits(pattern, text):
    if not pattern:
        return not text
    if pattern.startswith("**"):
        return any(fits(pattern[2:], text[k:]) for k in range(len(text) + 1))
    if pattern[0] == "*":
        width = len(text.partition(".")[0])
        return any(fits(pattern[1:], text[k:]) for k in range(width + 1))
    if not text:
        return False
    alike = text[0] != "." if pattern[0] == "?" else text[0] == pattern[0]
    return alike and fits(pattern[1:], text[1:])
