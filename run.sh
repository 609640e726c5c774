cd /tmp/dev; PYTHONPATH=/tmp/dev exec /work/main/.venv/bin/python "$@"
