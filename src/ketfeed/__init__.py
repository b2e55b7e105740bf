"""ketfeed: one merged, attributed feed per topic about ketamine as medicine."""

__version__ = "0.1.0"
