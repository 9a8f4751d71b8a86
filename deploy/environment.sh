#!/bin/sh
# Makes .venv hold what the lock file says: `environment.sh run` (requirements.lock) or `dev` (with the tests).
# Does nothing when it already does; may be interrupted at any point and run again.
set -eu

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

modern() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for each in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if command -v "$each" >/dev/null 2>&1 && modern "$each"; then
            command -v "$each"
            return
        fi
    done
    return 1
}

case "$1" in
    run) lock=requirements.lock ;;
    dev) lock=requirements-dev.lock ;;
esac
stamp=.venv/.holds-$1
wanted=$(cksum <"$lock")

if [ -x .venv/bin/python ] && modern .venv/bin/python; then
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0
else
    rm -rf .venv
fi

python=$(find_python) ||
    fail "Amicale needs Python 3.11 or newer and found none; install it, or say where it is: make run PYTHON=/path/to/python3.11"

packages=$(grep -c '==' "$lock")
if command -v uv >/dev/null 2>&1; then
    say "Installing $packages packages into .venv with uv (the first time takes about a minute) ..."
    [ -x .venv/bin/python ] || uv venv --quiet --python "$python" .venv
    uv pip install --python .venv/bin/python --require-hashes -r "$lock" ||
        fail "The packages could not be installed (the reason is above); check the network, then run the same command again."
else
    say "Installing $packages packages into .venv with pip (the first time takes some minutes; uv would be faster) ..."
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --clear .venv ||
            fail "Python cannot make virtual environments here; on Debian or Ubuntu: apt install python3-venv. Then run the same command again."
    fi
    .venv/bin/python -m pip install --disable-pip-version-check --no-input --require-hashes -r "$lock" ||
        fail "The packages could not be installed (the reason is above); check the network, then run the same command again."
fi

printf '%s' "$wanted" >"$stamp"
if [ "$1" = dev ]; then
    cksum <requirements.lock | tr -d '\n' >.venv/.holds-run
fi
