#!/bin/sh
# Every check of `make lint`; all of them run, and the last line says whether one failed.
set -u
python=.venv/bin/python
failed=""

check() {
    name=$1
    shift
    printf '%s ... ' "$name"
    if output=$("$@" 2>&1); then
        echo "clean"
    else
        echo "FAILED"
        printf '%s\n' "$output"
        failed="$failed $name,"
    fi
}

check "style" $python -m ruff check --quiet .
check "types" $python -m mypy
check "calls" $python -m mypy --config-file deploy/calls.ini
check "imports" $python -c 'import sys; sys.argv = ["lint-imports"]; from importlinter.cli import lint_imports_command; lint_imports_command()'

if [ -n "$failed" ]; then
    echo "Lint failed:${failed%,}."
    exit 1
fi
echo "Lint is clean."
