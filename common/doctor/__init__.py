"""What `dts doctor` knows: are this machine and that Redis fit, and does the store agree with itself."""
