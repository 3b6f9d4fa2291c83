"""Scored candidates in the order in which pages take them. Pure."""
