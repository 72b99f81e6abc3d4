"""The process that tunes an app beside its runtime: reads the requests, asks the tuner, and writes what it chose."""
