"""The road, top to bottom: prepare, encode, fit, score, choose, render, feed, evaluate, report."""
