"""Tests mirror the packages; what several of them share stands here, beside them."""
