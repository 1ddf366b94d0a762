"""Parts of benchmarks/attention.py and tune.py: cases, peers, timing, reports."""
