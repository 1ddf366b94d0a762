"""Parts of benchmarks/attention.py: cases, peers, timing and reports."""
